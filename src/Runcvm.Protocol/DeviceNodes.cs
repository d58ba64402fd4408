namespace Runcvm.Protocol;

/// <summary>The device nodes of a kernel's modules, which the host lists and the guest makes.</summary>
public static class DeviceNodes
{
    /// <summary>In the folder of the modules: the whole list, as <c>modules.devname</c> of depmod(8) has it. That file
    /// is there too, for the image's programs, without <see cref="OfEverybody"/>.</summary>
    public const string File = "runcvm.devname";

    /// <summary>Names below /dev that udev's rules open for everybody; all others are root's.</summary>
    public static IReadOnlyList<string> OfEverybody { get; } = ["fuse", "net/tun"];
}
