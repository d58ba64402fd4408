namespace Runcvm.Options;

/// <summary>Whether a machine goes on where another was saved.</summary>
internal enum WarmStart
{
    /// <summary>where that costs nothing later</summary>
    Auto,

    /// <summary>never</summary>
    Never,

    /// <summary>also with shares, which have no device then</summary>
    Always,
}
