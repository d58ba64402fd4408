namespace Runcvm.Guest.Modules;

/// <summary>A module to load.</summary>
/// <param name="Path">its file</param>
/// <param name="Name">as the kernel spells it, under /sys/module</param>
/// <param name="Wanted">asked for, and not only needed or recommended by what was asked for</param>
internal readonly record struct PlannedModule(string Path, string Name, bool Wanted);
