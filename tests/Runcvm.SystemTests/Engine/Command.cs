using System.Diagnostics;

namespace Runcvm.SystemTests.Engine;

/// <summary>Runs programs to their end, never longer than a deadline.</summary>
internal static class Command
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);

    public static async Task<CommandResult> RunAsync(
        string program,
        IEnumerable<string> arguments,
        byte[]? input = null,
        TimeSpan? timeout = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        TimeSpan patience = Patience.Times(timeout ?? DefaultTimeout);
        using Process process = Start(program, arguments, environment);
        string command = $"{program} {string.Join(' ', process.StartInfo.ArgumentList)}";
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await Task.WhenAll(
                WriteAsync(process, input, deadline.Token),
                process.StandardOutput.BaseStream.CopyToAsync(output, deadline.Token),
                process.StandardError.BaseStream.CopyToAsync(error, deadline.Token),
                process.WaitForExitAsync(deadline.Token)).WaitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            var soFar = new CommandResult(command, -1, output.ToArray(), error.ToArray());
            throw new TimeoutException($"no end after {patience.TotalSeconds} s: {soFar}");
        }

        return new CommandResult(command, process.ExitCode, output.ToArray(), error.ToArray());
    }

    public static Process Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            info.Environment[name] = value;
        return Process.Start(info) ?? throw new InvalidOperationException($"cannot start {program}");
    }

    private static async Task WriteAsync(Process process, byte[]? input, CancellationToken cancellation)
    {
        try
        {
            if (input is not null) await process.StandardInput.BaseStream.WriteAsync(input, cancellation);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program may end before it has read everything.
        }
    }
}
