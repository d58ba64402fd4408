namespace Runcvm.Options;

/// <summary>What executes the guest's instructions under QEMU.</summary>
internal enum Acceleration
{
    /// <summary>KVM where it is real, else TCG.</summary>
    Auto,
    Kvm,
    Tcg,
}
