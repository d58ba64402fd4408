namespace Runcvm.Options;

/// <summary>How long the guest may believe what it knows of volumes and bind mounts. The numbers are those of the file
/// server's policies.</summary>
internal enum ShareCache
{
    /// <summary>a second</summary>
    Auto = 0,
    /// <summary>not at all</summary>
    None = 1,
    /// <summary>for ever: nobody else changes them</summary>
    Always = 2,
}
