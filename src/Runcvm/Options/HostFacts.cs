namespace Runcvm.Options;

/// <summary>What the host has that options depend on.</summary>
/// <param name="Cpus">CPUs that are online</param>
/// <param name="KvmIsReal">KVM rests on the CPU's own virtualization, so that a guest runs well under it</param>
/// <param name="FirecrackerPath">null where there is none</param>
/// <param name="QemuPath">null where there is none</param>
/// <param name="KvmExists">there is a /dev/kvm, real or not</param>
internal sealed record HostFacts(int Cpus, bool KvmIsReal, string? FirecrackerPath, string? QemuPath, bool KvmExists);
