using System.Diagnostics;

namespace Runcvm.Tests;

/// <summary>A program that is a script. Another process writes it: what this one writes itself cannot be executed as
/// long as a child that another test starts in that moment has it open, too (ETXTBSY).</summary>
internal static class ScriptFile
{
    internal static void Write(string path, string text)
    {
        var write = new ProcessStartInfo("sh", ["-c", "rm -f \"$0\" && cat >\"$0\" && chmod 755 \"$0\"", path])
        {
            RedirectStandardInput = true,
        };
        using Process writer = Process.Start(write)!;
        writer.StandardInput.Write(text);
        writer.StandardInput.Close();
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
    }
}
