namespace Runcvm.WarmStarts;

/// <summary>A machine as it lies in the store.</summary>
/// <param name="Key">names it</param>
/// <param name="Bytes">of its file</param>
/// <param name="LastUse">when one was last started from it (UTC)</param>
/// <param name="About">what it is, for people; null where that is not known</param>
internal sealed record SavedMachine(string Key, long Bytes, DateTime LastUse, string? About);
