using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>Send a signal to a process.</summary>
/// <param name="Id">the process</param>
/// <param name="Number">1 to 64</param>
public sealed record Signal(uint Id, byte Number) : IMessage<Signal>
{
    private const byte Last = 64;

    static MessageKind IMessage<Signal>.Kind => MessageKind.Signal;

    /// <summary>The number.</summary>
    /// <exception cref="WireFormatException">there is no such signal</exception>
    public byte CheckedNumber() => Number is > 0 and <= Last ? Number
        : throw new WireFormatException($"there is no signal {Number}");

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.Byte(Number);
    }

    /// <inheritdoc/>
    public static Signal Read(ref WireReader r) => new(r.UInt32(), r.Byte());
}

/// <summary>The window of a process's terminal has a new size.</summary>
public sealed record Resize(uint Id, ushort Rows, ushort Columns) : IMessage<Resize>
{
    static MessageKind IMessage<Resize>.Kind => MessageKind.Resize;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.UInt16(Rows);
        w.UInt16(Columns);
    }

    /// <inheritdoc/>
    public static Resize Read(ref WireReader r) => new(r.UInt32(), r.UInt16(), r.UInt16());
}

/// <summary>The process's program runs.</summary>
public sealed record Started(uint Id) : IMessage<Started>
{
    static MessageKind IMessage<Started>.Kind => MessageKind.Started;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.UInt32(Id);

    /// <inheritdoc/>
    public static Started Read(ref WireReader r) => new(r.UInt32());
}

/// <summary>The process could not be started.</summary>
/// <param name="Id">the process</param>
/// <param name="Code">126: cannot be executed, 127: not found, 125: anything else</param>
/// <param name="Message">why, in runc's words where it has some</param>
public sealed record StartFailed(uint Id, byte Code, string Message) : IMessage<StartFailed>
{
    static MessageKind IMessage<StartFailed>.Kind => MessageKind.StartFailed;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.Byte(Code);
        w.Shortened(Message, Failed.MaxBytes);
    }

    /// <inheritdoc/>
    public static StartFailed Read(ref WireReader r) => new(r.UInt32(), r.Byte(), r.Text());
}

/// <summary>The process has ended, and all that it wrote before was sent before this message.</summary>
/// <param name="Id">the process</param>
/// <param name="Code">as shells report it: 128 + the number after a signal</param>
/// <param name="OutOfMemory">the guest's memory did not suffice, and its kernel killed a process for that</param>
public sealed record Exited(uint Id, byte Code, bool OutOfMemory = false) : IMessage<Exited>
{
    static MessageKind IMessage<Exited>.Kind => MessageKind.Exited;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt32(Id);
        w.Byte(Code);
        w.Flag(OutOfMemory);
    }

    /// <inheritdoc/>
    public static Exited Read(ref WireReader r) => new(r.UInt32(), r.Byte(), r.Flag());
}

/// <summary>The guest cannot go on.</summary>
/// <param name="Message">one sentence</param>
public sealed record Failed(string Message) : IMessage<Failed>
{
    /// <summary>Of a longer text the rest is left out: it may hold names of any length, and a guest's message is
    /// bounded.</summary>
    public const int MaxBytes = 16 * 1024;

    static MessageKind IMessage<Failed>.Kind => MessageKind.Failed;

    /// <inheritdoc/>
    public void Write(WireWriter w) => w.Shortened(Message, MaxBytes);

    /// <inheritdoc/>
    public static Failed Read(ref WireReader r) => new(r.Text());
}

/// <summary>The guest's disks are flushed and unmounted; it has nothing more to say.</summary>
public sealed record Stopped : IMessage<Stopped>
{
    static MessageKind IMessage<Stopped>.Kind => MessageKind.Stopped;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
    }

    /// <inheritdoc/>
    public static Stopped Read(ref WireReader r) => new();
}

/// <summary>Something worth a line in the log; the guest goes on.</summary>
/// <param name="Message">one line</param>
/// <param name="IsDetail">of interest only to who looks for the reason of something</param>
public sealed record Notice(string Message, bool IsDetail = false) : IMessage<Notice>
{
    static MessageKind IMessage<Notice>.Kind => MessageKind.Notice;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Shortened(Message, Failed.MaxBytes);
        w.Flag(IsDetail);
    }

    /// <inheritdoc/>
    public static Notice Read(ref WireReader r) => new(r.Text(), r.Flag());
}
