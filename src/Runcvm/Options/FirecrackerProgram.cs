namespace Runcvm.Options;

/// <summary>A Firecracker that was found on this host.</summary>
/// <param name="Path">of its file</param>
/// <param name="IsTestDouble">it runs without KVM, and is not Firecracker</param>
internal sealed record FirecrackerProgram(string Path, bool IsTestDouble = false);
