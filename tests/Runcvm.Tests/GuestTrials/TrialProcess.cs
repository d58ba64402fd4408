using System.Text;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;

namespace Runcvm.Tests.GuestTrials;

/// <summary>A process of a <see cref="TrialMachine"/> and its three channels.</summary>
internal sealed class TrialProcess(TrialMachine machine, uint id)
{
    internal Channel Input { get; } = machine.Open(id, 0);

    internal Channel Output { get; } = machine.Open(id, 1);

    internal Channel Error { get; } = machine.Open(id, 2);

    internal ValueTask WriteAsync(string text) => Input.WriteAsync(Encoding.UTF8.GetBytes(text));

    internal ValueTask SignalAsync(int number) => machine.SendAsync(new Signal(id, (byte)number));

    internal ValueTask ResizeAsync(ushort rows, ushort columns)
        => machine.SendAsync(new Resize(id, rows, columns));

    /// <summary>Waits for its end.</summary>
    /// <returns>code, and what it wrote until then</returns>
    internal async Task<(int Code, string Output)> EndAsync()
    {
        string output = await TrialMachine.ReadAsync(Output);
        Exited exited = await machine.ExpectAsync<Exited>();
        Assert.Equal(id, exited.Id);
        return (exited.Code, output);
    }
}
