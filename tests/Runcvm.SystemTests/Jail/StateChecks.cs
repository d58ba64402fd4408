using System.Globalization;

namespace Runcvm.SystemTests.Jail;

/// <summary>What the kernel says about each process and thread of a sandbox, read from outside.</summary>
internal static class StateChecks
{
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, LEASE, SETFCAP: what a file server acts by.
    private const ulong FileCapabilities = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 27 | 1 << 28 | 1UL << 31;

    // NET_ADMIN in a network of the machine's own, else NET_BIND_SERVICE.
    private const ulong OfOwnNetwork = 1 << 12, OfSharedNetwork = 1 << 10;

    internal static IEnumerable<(string What, string Must, string Is, bool Holds)> Of(IReadOnlyList<Inhabitant> all,
        bool mayServeFiles, bool sharesNetwork)
    {
        Inhabitant supervisor = all.Single(static process => process.Who == Who.Supervisor);
        foreach (Inhabitant process in all)
        {
            ulong allowed = process.Who switch
            {
                Who.FileServer when mayServeFiles => FileCapabilities,
                Who.Broker => sharesNetwork ? OfSharedNetwork : OfOwnNetwork,
                _ => 0,
            };
            foreach (string set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
            {
                // It was started with its capabilities by way of inheriting them, and its filter knows no execve(2).
                ulong most = set is "CapPrm" or "CapEff" or "CapInh" ? allowed : 0;
                yield return OfThreads(process, set, most == 0 ? "none" : $"{most:x}",
                    text => (ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture) & ~most) == 0);
            }

            yield return OfThreads(process, "NoNewPrivs", "1", static text => text == "1");
            yield return OfThreads(process, "Seccomp", "2", static text => text == "2");
            if (process.Who is not (Who.Hypervisor or Who.FileServer or Who.Broker)) continue;
            foreach (string type in (string[])["pid", "mnt", "ipc"])
            {
                string own = process.Namespace(type);
                if (process.Who is Who.Hypervisor or Who.Broker
                    || type == "mnt") yield return (process.Name + ": namespace " + type, "its own", own,
                    own != supervisor.Namespace(type));
            }

            yield return Row(process, "namespace net", "not the host's", process.Namespace("net"),
                static text => text != new FileInfo("/proc/1/ns/net").LinkTarget);
            string root = $"/proc/{process.Id}/root";
            string entries = Directory.Exists($"{root}/proc") ? string.Join(' ', OtherThanOwn(process, $"{root}/proc")) : "";
            yield return ($"{process.Name}: entries of /proc in its root", "none of others", entries, entries.Length == 0);
            yield return Row(process, "folders among its files", "none", OpenFolders(process),
                text => text.Length == 0 || process.Who == Who.FileServer);
            if (process.Who != Who.Hypervisor) continue;
            yield return Row(process, "user", "not root", process.Status["Uid"],
                static text => text.Split('\t').All(static id => id != "0"));
            yield return Row(process, "group", "not root", process.Status["Gid"],
                static text => text.Split('\t').All(static id => id != "0"));
            yield return Row(process, "more groups", "none", process.Status["Groups"], static text => text.Length == 0);
            yield return Row(process, "core file", "0", Limit(process, "Max core file size"),
                static text => text == "0");
        }

        foreach (Inhabitant process in all)
            foreach ((string place, string[] options, string type) in process.Mounts)
                if (!options.Contains("nosuid") && place != "/" && !IsMask(options, type))
                    yield return ($"{process.Name}: mount {place}", "nosuid", string.Join(',', options) + " " + type,
                        false);
    }

    private static (string What, string Must, string Is, bool Holds) Row(Inhabitant process, string what, string must,
        string now, Func<string, bool> holds)
        => ($"{process.Name}: {what}", must, now.Replace('\t', ' '), holds(now));

    private static (string What, string Must, string Is, bool Holds) OfThreads(Inhabitant process, string field,
        string must, Func<string, bool> holds)
    {
        var values = new List<string>();
        bool all = true;
        foreach (int thread in process.Threads)
        {
            Dictionary<string, string> status = process.ThreadStatus(thread);
            string value = status[field];
            if (!holds(value)) all = false;
            string shown = $"{value.TrimStart('0').PadLeft(1, '0')}{(holds(value) ? "" : $" ({status["Name"]})")}";
            if (!values.Contains(shown)) values.Add(shown);
        }

        return ($"{process.Name}: {field} of every thread", must, string.Join(' ', values), all);
    }

    /// <summary>What a /proc shows beside the processes of the file server's own PID namespace.</summary>
    private static IEnumerable<string?> OtherThanOwn(Inhabitant process, string proc)
        => Directory.GetFileSystemEntries(proc).Select(Path.GetFileName).Where(name => process.Who != Who.FileServer
            || (name is not ("self" or "thread-self") && !name!.All(char.IsAsciiDigit)));

    /// <summary>An empty folder in memory, which runc puts over what nobody shall see.</summary>
    private static bool IsMask(string[] options, string type) => type == "tmpfs" && options.Contains("ro");

    private static string OpenFolders(Inhabitant process)
        => string.Join(' ', Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Where(static fd
            => Directory.Exists(fd)).Select(static fd => new FileInfo(fd).LinkTarget));

    private static string Limit(Inhabitant process, string name)
        => File.ReadLines($"/proc/{process.Id}/limits").Single(line
            => line.StartsWith(name, StringComparison.Ordinal))[26..].Split(' ',
            StringSplitOptions.RemoveEmptyEntries)[0];
}
