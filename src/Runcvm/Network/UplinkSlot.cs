using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Network;

/// <summary>A machine's number among those that share a namespace's addresses, and all that follows from it: whoever knows
/// the number can take everything away again.</summary>
/// <param name="Number">from 0</param>
internal sealed record UplinkSlot(int Number)
{
    /// <summary>The machine's end of the cable.</summary>
    internal const string InnerDevice = "eth0";

    internal const byte PrefixLength = 31;
    internal const byte PrefixLength6 = 127;

    private const string Root = "/run/runcvm/.uplinks";
    private const string Mark6 = ".ipv6";

    // Pairs of addresses in 169.254.192.0/19, where no cloud and no resolver that is known has one of its own.
    private const int Count = 4096;

    // And in fd72:756e:6376:6d00::/64, of the addresses that are anybody's own (RFC 4193).
    private static readonly byte[] Prefix6 = [0xFD, .. "runcvm"u8, 0];

    /// <summary>The end of the cable in the shared namespace.</summary>
    internal string OuterDevice => string.Create(CultureInfo.InvariantCulture, $"rcvm-{Number}");

    internal byte[] OuterAddress => Address(0);

    internal byte[] InnerAddress => Address(1);

    internal byte[] OuterAddress6 => Address6(0);

    internal byte[] InnerAddress6 => Address6(1);

    /// <summary>Whether the machine's packets of IPv6 are led out as well. A file, so that whoever takes everything away knows.</summary>
    internal bool HasIPv6
    {
        get => File.Exists(Claim + Mark6);
        set
        {
            if (value) File.WriteAllBytes(Claim + Mark6, []);
            else File.Delete(Claim + Mark6);
        }
    }

    /// <summary>The machine's network namespace, kept by a mount.</summary>
    internal string Inner => Claim + ".inner";

    /// <summary>The shared one, unless it is the host's.</summary>
    internal string Outer => Claim + ".outer";

    /// <summary>A file that holds the machine's key.</summary>
    private string Claim => string.Create(CultureInfo.InvariantCulture, $"{Root}/{Number}");

    /// <summary>The machine that has it; empty while it is being claimed.</summary>
    internal string Owner => File.Exists(Claim) ? File.ReadAllText(Claim) : "";

    internal static IEnumerable<UplinkSlot> Taken()
    {
        if (!Directory.Exists(Root)) yield break;
        foreach (string file in Directory.GetFiles(Root))
        {
            if (int.TryParse(Path.GetFileName(file), CultureInfo.InvariantCulture, out int number)) yield return new UplinkSlot(number);
        }
    }

    /// <summary>Waits for its turn to take or give back numbers: what belongs to one is found by the number alone.</summary>
    internal static SafeFileHandle LockAll()
    {
        Directory.CreateDirectory(Root);
        SafeFileHandle file = FileDescriptor.Open($"{Root}/.lock", OpenFlags.ReadWrite | OpenFlags.Create, Permission.OwnersFile);
        FileDescriptor.Lock(file);
        return file;
    }

    /// <summary>The first free one, which is the machine's from here on.</summary>
    internal static UplinkSlot Take(string machine)
    {
        using SafeFileHandle turn = LockAll();
        for (int number = 0; number < Count; number++)
        {
            var slot = new UplinkSlot(number);
            try
            {
                using SafeFileHandle file = FileDescriptor.Open(slot.Claim, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, Permission.OwnersFile);
                FileDescriptor.WriteAll(file, System.Text.Encoding.UTF8.GetBytes(machine));
                return slot;
            }
            catch (LinuxException e) when (e.Errno == Errno.EEXIST)
            {
            }
        }

        throw new UsageException($"{Count} machines share addresses with the host or other containers already; remove some");
    }

    /// <summary>Last of all: the number may be taken by somebody else from here on.</summary>
    internal void Release()
    {
        HasIPv6 = false;
        File.Delete(Claim);
    }

    private byte[] Address(int end)
    {
        int number = (Number * 2) + end;
        return [169, 254, (byte)(192 + (number >> 8)), (byte)number];
    }

    private byte[] Address6(int end)
    {
        byte[] address = new byte[16];
        Prefix6.CopyTo(address, 0);
        BinaryPrimitives.WriteInt32BigEndian(address.AsSpan(12), (Number * 2) + end);
        return address;
    }
}
