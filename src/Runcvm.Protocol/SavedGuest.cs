namespace Runcvm.Protocol;

/// <summary>A guest that is saved, before it has said a word to its host, and restored as often as machines are wanted.
/// Until then it has no device; those of a machine that it is restored as it finds where this says.</summary>
public static class SavedGuest
{
    /// <summary>A folder of its first file system, by which a guest knows that it shall be saved.</summary>
    public const string Mark = "warm";

    /// <summary>What it says on its console when it is ready for that.</summary>
    public const string Words = "waits to be saved";

    /// <summary>How many places for devices it has, the first of which has the number 0.</summary>
    public const int Places = 23;

    /// <summary>The kind of device that a place is to ACPI: the one for which the kernel has a driver of virtio on
    /// MMIO.
    /// </summary>
    public const string PlaceKind = "LNRO0005";
}
