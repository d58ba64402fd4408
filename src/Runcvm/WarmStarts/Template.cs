using Microsoft.Win32.SafeHandles;

namespace Runcvm.WarmStarts;

/// <summary>A template whose files are open for reading.</summary>
/// <param name="Name">its name</param>
/// <param name="Record">what is known of it</param>
/// <param name="Memory">memory and devices</param>
/// <param name="Disk">its scratch disk</param>
internal sealed record Template(string Name, TemplateRecord Record, SafeFileHandle Memory, SafeFileHandle Disk);
