using System.Diagnostics;

namespace Runcvm.Tests.Operating;

/// <summary>Runs a script to its end.</summary>
internal static class Shell
{
    internal static async Task<string> OutputAsync(string program, string script)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, ["-c", script]) { RedirectStandardOutput = true })!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
