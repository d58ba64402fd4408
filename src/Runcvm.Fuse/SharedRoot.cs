namespace Runcvm.Fuse;

/// <summary>A folder or a single file that is served.</summary>
/// <param name="Path">as this process sees it</param>
/// <param name="ReadOnly">whether every change in it is refused with EROFS</param>
/// <param name="Hidden">name of an entry at the top that is not there for the guest, which can make none of that name; empty: it sees all of them</param>
public sealed record SharedRoot(string Path, bool ReadOnly, string Hidden = "");
