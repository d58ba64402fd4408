using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Netlink;

/// <summary>Ethernet interfaces whose other end is a file: the kernel's Documentation/networking/tuntap.rst.</summary>
public static unsafe class TapDevice
{
    // struct virtio_net_hdr_v1, which virtio 1.0 devices put before each frame.
    private const int VirtioHeaderSize = 12;

    // struct ifreq
    private const int RequestSize = 40;

    /// <summary>Makes the interface in this thread's network namespace. It goes when the last copy of the file is closed.
    /// Frames have a virtio-net header of 12 bytes in front.</summary>
    /// <param name="name">at most 15 bytes; must not exist yet</param>
    /// <param name="owner">a user who may open it by name, without capabilities, once the file is closed; the interface then stays
    /// as long as the network namespace, or until it is removed</param>
    public static SafeFileHandle Open(string name, uint? owner = null)
    {
        if (Encoding.UTF8.GetByteCount(name) >= Libc.IFNAMSIZ) throw new LinuxException(Errno.ENAMETOOLONG, $"make tap interface {name}");
        SafeFileHandle tap = FileDescriptor.Open("/dev/net/tun", OpenFlags.ReadWrite);
        try
        {
            byte* request = stackalloc byte[RequestSize];
            var bytes = new Span<byte>(request, RequestSize);
            bytes.Clear();
            Encoding.UTF8.GetBytes(name, bytes);
            const ushort Flags = Libc.IFF_TAP | Libc.IFF_NO_PI | Libc.IFF_VNET_HDR | Libc.IFF_TUN_EXCL;
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[Libc.IFNAMSIZ..], Flags);
            SystemCall.Check(Libc.ioctl(tap, Libc.TUNSETIFF, request), $"make tap interface {name}");
            int size = VirtioHeaderSize;
            SystemCall.Check(Libc.ioctl(tap, Libc.TUNSETVNETHDRSZ, &size), $"set the header size of {name}");
            if (owner is { } user)
            {
                SystemCall.Check(Libc.ioctl(tap, Libc.TUNSETOWNER, (nint)user), $"set the owner of {name}");
                SystemCall.Check(Libc.ioctl(tap, Libc.TUNSETPERSIST, (nint)1), $"keep {name}");
            }

            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }
    }
}
