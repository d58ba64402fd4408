namespace Runcvm.Linux.Interop;

internal static partial class Libc
{
    internal const int IFNAMSIZ = 16;
    internal const uint TUNSETIFF = 0x400454CA;
    internal const uint TUNSETPERSIST = 0x400454CB;
    internal const uint TUNSETOWNER = 0x400454CC;
    internal const uint TUNSETVNETHDRSZ = 0x400454D8;
    internal const ushort IFF_TAP = 0x0002;
    internal const ushort IFF_NO_PI = 0x1000;
    internal const ushort IFF_VNET_HDR = 0x4000;
    internal const ushort IFF_TUN_EXCL = 0x8000;
}
