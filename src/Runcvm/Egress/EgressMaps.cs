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

    // For rules that come later. A set takes 16 KiB, and a prefix only what is put in. Names get other sets at each
    // change, so that their room is twice there.
    private const int SpareSets = 32;
    private const int SparePrefixes = 4096;

    // Of those that a machine under `learn` reaches, the last ones.
    internal const int MostReached = 4096;

    internal const string CountsName = "rcvm_counts";
    internal const string ReachedName = "rcvm_reached";

    /// <summary>What is counted, by number: flows that the machine was allowed to begin, packets that were refused, and
    /// frames that no rule can be about.</summary>
    internal const int FlowsAllowed = 0;
    internal const int PacketsRefused = 1;
    internal const int FramesDropped = 2;
    private const int Counts = 3;

    /// <param name="tables">what is looked up</param>
    /// <param name="learns">whether what is reached is noted as well</param>
    internal EgressMaps(EgressTables tables, bool learns = false)
    {
        Counters = KernelMap.Array(CountsName, sizeof(long), Counts);
        if (learns) Reached = KernelMap.Recent(
            ReachedName, FrameStack.RefusalSize, FrameStack.RefusalValueSize, MostReached);
        Ports = KernelMap.Array(PortsName, EgressPorts.BitmapSize, tables.Sets.Count + tables.Names.Count + SpareSets);
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

    /// <summary>Numbers of what has happened.</summary>
    internal KernelMap Counters { get; }

    /// <summary>Where the machine has been, as refusals are kept; null where nobody wants to know.</summary>
    internal KernelMap? Reached { get; }

    /// <summary>A file of the pins for somebody else.</summary>
    internal SafeFileHandle TakePins() => FileDescriptor.Duplicate(Pins.File);

    public void Dispose()
    {
        foreach (KernelMap? map in new[] { Ports, Prefixes, Pins, Flows, Refusals, Counters, Reached }) map?.Dispose();
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
