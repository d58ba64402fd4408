using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Somebody wants to see the guest's console.</summary>
/// <param name="Follow">also what comes from now on, until the machine ends</param>
public sealed record WatchConsole(bool Follow) : IMessage<WatchConsole>
{
    static MessageKind IMessage<WatchConsole>.Kind => MessageKind.WatchConsole;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Flag(Follow);

    /// <inheritdoc/>
    public static WatchConsole Read(ref WireReader r) => new(r.Flag());
}

/// <summary>Part of what the guest's console said.</summary>
/// <param name="Bytes">as the guest wrote them</param>
public sealed record ConsoleText(byte[] Bytes) : IMessage<ConsoleText>
{
    static MessageKind IMessage<ConsoleText>.Kind => MessageKind.ConsoleText;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Bytes(Bytes);

    /// <inheritdoc/>
    public static ConsoleText Read(ref WireReader r) => new(r.Bytes());
}

/// <summary>Somebody wants to see the log of the guest's kernel.</summary>
/// <param name="Id">which question it is: the answer bears the same number</param>
public sealed record ReadKernelLog(uint Id) : IMessage<ReadKernelLog>
{
    static MessageKind IMessage<ReadKernelLog>.Kind => MessageKind.ReadKernelLog;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static ReadKernelLog Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>The log of the guest's kernel, as far as the kernel has kept it.</summary>
/// <param name="Id">of the question</param>
/// <param name="Text">lines as dmesg(1) shows them; at most <see cref="MaxBytes"/>, the last ones</param>
public sealed record KernelLog(uint Id, string Text) : IMessage<KernelLog>
{
    /// <summary>As much as a guest's message can hold; a boot writes about half of it.</summary>
    public const int MaxBytes = MessageReader.MaxLengthOfGuest - 64;

    static MessageKind IMessage<KernelLog>.Kind => MessageKind.KernelLog;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.Text(Text);
    }

    /// <inheritdoc/>
    public static KernelLog Read(ref WireReader r) => new(r.UInt32(), r.Text());
}

/// <summary>The machine is about to be killed: what its caches hold shall be on its disks first.</summary>
/// <param name="Id">which request it is: the answer bears the same number</param>
public sealed record Flush(uint Id) : IMessage<Flush>
{
    static MessageKind IMessage<Flush>.Kind => MessageKind.Flush;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Flush Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>All that was written before the request is on the disks.</summary>
/// <param name="Id">of the request</param>
public sealed record Flushed(uint Id) : IMessage<Flushed>
{
    static MessageKind IMessage<Flushed>.Kind => MessageKind.Flushed;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Flushed Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>Somebody wants to know where the time of the start went.</summary>
public sealed record ReadBootReport : IMessage<ReadBootReport>
{
    static MessageKind IMessage<ReadBootReport>.Kind => MessageKind.ReadBootReport;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
    }

    /// <inheritdoc/>
    public static ReadBootReport Read(ref WireReader r) => new();
}

/// <summary>Where the time of a start went, as far as the supervisor saw it.</summary>
/// <param name="KernelRelease">uname -r of the guest; empty until it has said so</param>
/// <param name="Steps">in the order in which they ended</param>
public sealed record BootReport(string KernelRelease, IReadOnlyList<BootStep> Steps) : IMessage<BootReport>
{
    static MessageKind IMessage<BootReport>.Kind => MessageKind.BootReport;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(KernelRelease);
        w.List(Steps, static (w, step) => step.Write(w));
    }

    /// <inheritdoc/>
    public static BootReport Read(ref WireReader r) => new(r.Text(), r.List(BootStep.Read));
}

/// <summary>A step of a start.</summary>
/// <param name="Name">what was done</param>
/// <param name="EndNanoseconds">when it was done, on the host's monotonic clock, which all its processes share</param>
public sealed record BootStep(string Name, long EndNanoseconds) : IWireValue<BootStep>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Text(Name);
        w.Int64(EndNanoseconds);
    }

    /// <inheritdoc/>
    public static BootStep Read(ref WireReader r) => new(r.Text(), r.Int64());
}
