using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Files;

namespace Runcvm.Egress;

/// <summary>What the programs of one policy look things up in.</summary>
internal sealed class EgressMaps : IDisposable
{
    // Bounds what a machine costs the host's kernel: 2 MB.
    internal const int MostFlows = 16384;
    internal const int MostRefusals = 1024;

    internal const string PortsName = "rcvm_ports";
    internal const string PrefixesName = "rcvm_prefixes";
    internal const string PinsName = "rcvm_pins";
    internal const string FlowsName = "rcvm_flows";
    internal const string RefusalsName = "rcvm_refusals";

    internal const int PrefixKeySize = sizeof(int) + (AddressPrefix.Bits / 8);
    internal const int PrefixValueSize = 2 * sizeof(int);

    // For rules that come later. A set takes 16 KiB, and a prefix only what is put in.
    private const int SpareSets = 32;
    private const int SparePrefixes = 4096;

    internal EgressMaps(EgressTables tables)
    {
        Ports = KernelMap.Array(PortsName, EgressPorts.BitmapSize, tables.Sets.Count + SpareSets);
        for (int i = 0; i < tables.Sets.Count; i++) Ports.Put(Bytes(i), tables.Sets[i]);
        Prefixes = KernelMap.Prefixes(
            PrefixesName, PrefixKeySize, PrefixValueSize, tables.Prefixes.Count + SparePrefixes);
        foreach ((AddressPrefix prefix, (int Allowed, int Denied) sets) in tables.Prefixes)
            Prefixes.Put(EgressTables.KeyOf(prefix), Bytes(sets));
        Pins = KernelMap.Mapped(PinsName, PinTable.Size);
        Flows = KernelMap.Recent(FlowsName, FrameStack.FlowSize, FrameStack.FlowValueSize, MostFlows);
        Refusals = KernelMap.Recent(RefusalsName, FrameStack.RefusalSize, FrameStack.RefusalValueSize, MostRefusals);
    }

    /// <summary>Bitmaps by the number of a set.</summary>
    internal KernelMap Ports { get; }

    /// <summary>Sets by prefix.</summary>
    internal KernelMap Prefixes { get; }

    /// <summary>See <see cref="PinTable"/>.</summary>
    internal KernelMap Pins { get; }

    /// <summary>Connections that somebody was allowed to begin.</summary>
    internal KernelMap Flows { get; }

    /// <summary>What was refused last.</summary>
    internal KernelMap Refusals { get; }

    /// <summary>A file of the pins for somebody else.</summary>
    internal SafeFileHandle TakePins() => FileDescriptor.Duplicate(Pins.File);

    public void Dispose()
    {
        foreach (KernelMap map in new[] { Ports, Prefixes, Pins, Flows, Refusals }) map.Dispose();
    }

    /// <summary>The value of a prefix.</summary>
    internal static byte[] Bytes((int Allowed, int Denied) sets) => [.. Bytes(sets.Allowed), .. Bytes(sets.Denied)];

    /// <summary>A key of the tables by number.</summary>
    internal static byte[] Bytes(int number)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return bytes;
    }
}
