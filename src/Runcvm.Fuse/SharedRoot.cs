namespace Runcvm.Fuse;

/// <summary>A folder or a single file that is served.</summary>
/// <param name="Path">as this process sees it</param>
/// <param name="ReadOnly">whether every change in it is refused with EROFS</param>
public sealed record SharedRoot(string Path, bool ReadOnly);
