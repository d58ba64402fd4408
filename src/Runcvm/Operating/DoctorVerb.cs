using Runcvm.Linux;
using Runcvm.Options;

namespace Runcvm.Operating;

/// <summary>`runcvm doctor`: looks at all that a machine needs. Ends with 1 when no machine could run.</summary>
internal static class DoctorVerb
{
    internal static int Run(TextWriter output, bool boot, bool asJson)
    {
        var findings = new List<Finding>();
        foreach (Finding finding in Examine(boot))
        {
            findings.Add(finding);
            if (!asJson) Show(output, finding);
        }

        if (asJson) WriteJson(output, findings);
        int problems = findings.Count(static finding => finding.Verdict == Verdict.Problem);
        if (!asJson) output.WriteLine(problems == 0 ? "machines can run here" : $"{problems} problem{(problems == 1 ? "" : "s")}: machines cannot run here as it is");
        return problems == 0 ? 0 : 1;
    }

    private static IEnumerable<Finding> Examine(bool boot)
    {
        bool healthy = true;
        Func<HostConfig, Finding?>[] checks =
            [.. HostChecks.All, .. IsolationChecks.All, .. ProgramChecks.All, .. InstallationChecks.All];
        foreach (Func<HostConfig, Finding?> check in checks)
        {
            if (Ask(check) is not { } finding) continue;
            healthy &= finding.Verdict != Verdict.Problem;
            yield return finding;
        }

        const string Trial = "trial boot";
        if (!boot) yield break;
        if (healthy) yield return ProgressLine.Around("booting a machine", true, () => Ask(_ => TrialBoot.Run()))!;
        else yield return Finding.Warning(Trial, "left out", "mend what is above first");
    }

    private static Finding? Ask(Func<HostConfig, Finding?> check)
    {
        try
        {
            return check(InstallationChecks.ConfigOrDefault());
        }
        catch (Exception e) when (e is UsageException or LinuxException or IOException or UnauthorizedAccessException)
        {
            return Finding.Problem("this host", e.Message, "see the message; docs/troubleshooting.md knows the usual ones");
        }
    }

    private static void Show(TextWriter output, Finding finding)
    {
        string mark = finding.Verdict switch { Verdict.Fine => "ok", Verdict.Warning => "note", _ => "FAIL" };
        output.WriteLine($"{mark,-5} {finding.Subject}: {finding.Text}");
        if (finding.Cure != null) output.WriteLine($"{"",-5} -> {finding.Cure}");
    }

    private static void WriteJson(TextWriter output, List<Finding> findings) => Json.Write(output, json =>
    {
        json.WriteStartArray();
        foreach (Finding finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("subject", finding.Subject);
            json.WriteString("verdict", finding.Verdict switch { Verdict.Fine => "ok", Verdict.Warning => "warning", _ => "problem" });
            json.WriteString("text", finding.Text);
            if (finding.Cure != null) json.WriteString("cure", finding.Cure);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
