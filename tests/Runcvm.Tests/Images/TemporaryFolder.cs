using System.Diagnostics;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Images;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("runcvm-test-").FullName;

    public string Path(string name) => name.Length == 0 ? _folder : System.IO.Path.Combine(_folder, name);

    public string Make(string name) => Directory.CreateDirectory(Path(name)).FullName;

    /// <summary>Runs a script in the folder. It may unmount what it mounts: it has a mount namespace of its own.</summary>
    public string Shell(string script)
    {
        string[] isolated = CurrentProcess.IsRoot ? ["-m"] : [];
        var start = new ProcessStartInfo("unshare", [.. isolated, "sh", "-euc", script])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{script}\n{output}\n{errors.Result}");
        return output;
    }

    // Directory.Delete cannot remove names that are not UTF-8.
    public void Dispose() => Process.Start("rm", ["-rf", "--", _folder]).WaitForExit();
}
