using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Messages;

/// <summary>A process as the OCI runtime specification describes it, resolved to numbers.</summary>
public sealed record ProcessSpec : IWireValue<ProcessSpec>
{
    /// <summary>argv; the first is looked up in PATH</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>NAME=value</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    /// <summary>absolute; made if it does not exist, as runc does</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>user id</summary>
    public uint User { get; init; }

    /// <summary>group id</summary>
    public uint Group { get; init; }

    /// <summary>supplementary group ids</summary>
    public IReadOnlyList<uint> Groups { get; init; } = [];

    /// <summary>permission bits taken away from new files; 0022 is the usual</summary>
    public uint Umask { get; init; } = 0x12;

    /// <summary>whether it gets a terminal</summary>
    public bool Terminal { get; init; }

    /// <summary>height of the terminal; 0 is unknown</summary>
    public ushort Rows { get; init; }

    /// <summary>width of the terminal; 0 is unknown</summary>
    public ushort Columns { get; init; }

    /// <summary>capabilities(7), a bit each</summary>
    public CapabilityBits Capabilities { get; init; } = new(0, 0, 0, 0, 0);

    /// <summary>prctl(PR_SET_NO_NEW_PRIVS)</summary>
    public bool NoNewPrivileges { get; init; }

    /// <summary>resource limits</summary>
    public IReadOnlyList<ResourceLimit> Limits { get; init; } = [];

    /// <summary>/proc/PID/oom_score_adj, -1000 to 1000</summary>
    public int OomScoreAdjust { get; init; }

    /// <summary>whether anything will ever come on standard input; else it is /dev/null, as with runc</summary>
    public bool HasInput { get; init; } = true;

    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Texts(Arguments);
        w.Texts(Environment);
        w.Text(WorkingDirectory);
        w.UInt32(User);
        w.UInt32(Group);
        w.List(Groups, static (w, group) => w.UInt32(group));
        w.UInt32(Umask);
        w.Flag(Terminal);
        w.UInt16(Rows);
        w.UInt16(Columns);
        Capabilities.Write(w);
        w.Flag(NoNewPrivileges);
        w.List(Limits, static (w, limit) => limit.Write(w));
        w.Int32(OomScoreAdjust);
        w.Flag(HasInput);
    }

    /// <inheritdoc/>
    public static ProcessSpec Read(ref WireReader r) => new()
    {
        Arguments = r.Texts(),
        Environment = r.Texts(),
        WorkingDirectory = r.Text(),
        User = r.UInt32(),
        Group = r.UInt32(),
        Groups = r.List(static (ref WireReader r) => r.UInt32()),
        Umask = r.UInt32(),
        Terminal = r.Flag(),
        Rows = r.UInt16(),
        Columns = r.UInt16(),
        Capabilities = CapabilityBits.Read(ref r),
        NoNewPrivileges = r.Flag(),
        Limits = r.List(ResourceLimit.Read),
        OomScoreAdjust = r.Int32(),
        HasInput = r.Flag(),
    };
}

/// <summary>The five sets of capabilities(7), a bit each.</summary>
public sealed record CapabilityBits(ulong Bounding, ulong Effective, ulong Permitted, ulong Inheritable, ulong Ambient)
    : IWireValue<CapabilityBits>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.UInt64(Bounding);
        w.UInt64(Effective);
        w.UInt64(Permitted);
        w.UInt64(Inheritable);
        w.UInt64(Ambient);
    }

    /// <inheritdoc/>
    public static CapabilityBits Read(ref WireReader r)
        => new(r.UInt64(), r.UInt64(), r.UInt64(), r.UInt64(), r.UInt64());
}

/// <summary>A limit of setrlimit(2).</summary>
/// <param name="Resource">RLIMIT_* number</param>
/// <param name="Soft">soft limit; all bits set is none</param>
/// <param name="Hard">hard limit</param>
public sealed record ResourceLimit(byte Resource, ulong Soft, ulong Hard) : IWireValue<ResourceLimit>
{
    /// <inheritdoc/>
    public void Write(WireWriter w)
    {
        w.Byte(Resource);
        w.UInt64(Soft);
        w.UInt64(Hard);
    }

    /// <inheritdoc/>
    public static ResourceLimit Read(ref WireReader r) => new(r.Byte(), r.UInt64(), r.UInt64());
}
