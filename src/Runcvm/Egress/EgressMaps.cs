using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Files;

namespace Runcvm.Egress;

/// <summary>What the programs of one policy look things up in.</summary>
internal sealed class EgressMaps : IDisposable
{
    // Bounds what a machine costs the host's kernel: 2 MB.
    private const int MostFlows = 16384;
    internal const int MostRefusals = 1024;

    internal const string PinsName = "rcvm_pins";
    internal const string RefusalsName = "rcvm_refusals";

    internal EgressMaps(EgressTables tables)
    {
        Ports = KernelMap.Array("rcvm_ports", EgressPorts.BitmapSize, tables.Sets.Count);
        for (int i = 0; i < tables.Sets.Count; i++) Ports.Put(Bytes(i), tables.Sets[i]);
        Prefixes = KernelMap.Prefixes(
            "rcvm_prefixes", sizeof(int) + (AddressPrefix.Bits / 8), 2 * sizeof(int),
            Math.Max(1, tables.Prefixes.Count));
        foreach ((AddressPrefix prefix, (int allowed, int denied)) in tables.Prefixes)
            Prefixes.Put(EgressTables.KeyOf(prefix), [.. Bytes(allowed), .. Bytes(denied)]);
        Ports.Freeze();
        Prefixes.Freeze();
        Pins = KernelMap.Mapped(PinsName, PinTable.Size);
        Flows = KernelMap.Recent("rcvm_flows", FrameStack.FlowSize, FrameStack.FlowValueSize, MostFlows);
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

    private static byte[] Bytes(int number)
    {
        byte[] bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return bytes;
    }
}
