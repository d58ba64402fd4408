using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Runcvm.SystemTests.Jail;

/// <summary>A thread of a real process that makes the system calls it is told: see tests/jail/inject.c.</summary>
internal sealed class Injector : IAsyncDisposable
{
    internal const int CurrentFolder = -100;
    private const int Patience = 30;
    private readonly Process _process;
    private readonly long _memory;

    private Injector(Process process, long memory)
    {
        _process = process;
        _memory = memory;
    }

    /// <summary>Its number where it makes the calls, or zero where it does not matter.</summary>
    internal int OwnId { get; private init; }

    internal static Task<Injector> InThreadAsync(string tool, int process, int thread, int ownId = 0)
        => StartAsync(tool, ["thread", Text(process), Text(thread)], ownId);

    internal static Task<Injector> AsRootAsync(string tool, int process)
        => StartAsync(tool, ["root", Text(process)], 0);

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(Patience));
        _process.Dispose();
    }

    /// <summary>Makes a call. A text or bytes become a pointer to them, zero-terminated; an <c>int[]</c> of one is
    /// room for that many bytes.</summary>
    internal async Task<Answer> CallAsync(SystemCallNumber number, params object[] arguments)
    {
        var line = new StringBuilder("c ").Append((int)number);
        int used = 0;
        foreach (object argument in arguments)
        {
            byte[]? bytes = argument switch
            {
                string text => Encoding.UTF8.GetBytes(text + '\0'),
                byte[] given
                => given,
                _ => null
            };
            if (bytes is null)
            {
                line.Append(' ').Append(unchecked((ulong)Convert.ToInt64(argument, CultureInfo.InvariantCulture)));
                continue;
            }

            line.Append(' ').Append(await PutAsync(used, bytes));
            used += (bytes.Length + 15) & ~15;
        }

        return await AskAsync(line.ToString());
    }

    /// <summary>Puts bytes into our memory of the process, and gives their address.</summary>
    internal async Task<long> PutAsync(int offset, byte[] bytes)
    {
        if (bytes.Length > 0) await AskAsync($"w {offset} {Convert.ToHexStringLower(bytes)}");
        return _memory + offset;
    }

    private static async Task<Injector> StartAsync(string tool, string[] arguments, int ownId)
    {
        Process process = Command.Start(tool, arguments);
        string? first = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(Patience));
        if (first is null || !first.StartsWith("ready ", StringComparison.Ordinal))
            throw await FailedAsync(process, string.Join(' ', arguments));
        return new Injector(process, long.Parse(first[6..], CultureInfo.InvariantCulture)) { OwnId = ownId };
    }

    private async Task<Answer> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
        string? answer = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(Patience));
        return new Answer(answer ?? throw await FailedAsync(_process, line));
    }

    private static async Task<Exception> FailedAsync(Process process, string what)
        => new InvalidOperationException($"{what}: {await process.StandardError.ReadToEndAsync()}");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
