using System.Buffers.Binary;
using Runcvm.Hypervisors.Qemu;
using Runcvm.Protocol;

namespace Runcvm.WarmStarts;

/// <summary>The ACPI table that tells a guest without devices where some may be later: QEMU's own says where there is
/// one at the start, but its `microvm` board has the places in any case (hw/i386/microvm.c). Linux takes it from its
/// initramfs (Documentation/admin-guide/acpi/initrd_table_override.rst).</summary>
internal static class PlacesTable
{
    /// <summary>Where Linux looks for it.</summary>
    internal const string File = "kernel/firmware/acpi/ssdt.aml";

    // include/hw/i386/microvm.h and hw/i386/microvm.c: where its transports lie, and their interrupts on the second
    // controller.
    private const uint Memory = 0xFEB00000;
    private const uint Length = 0x200;
    private const uint Interrupt = 24;

    // The first transport has no interrupt that works, see Hypervisors/Qemu/QemuArguments.cs.
    private const int First = QemuArguments.FirstPlace;

    private const int ChecksumAt = 9;

    internal static byte[] Bytes()
    {
        var aml = new AmlWriter();
        aml.Scope("\\_SB_", static scope =>
        {
            for (uint i = First; i < First + SavedGuest.Places; i++) Place(scope, i);
        });
        byte[] body = aml.Written;
        var table = new MemoryStream();
        table.Write("SSDT"u8);
        table.Write(LittleEndian((uint)(Header + body.Length)));
        // Revision 2: numbers have 64 bits. The checksum follows.
        table.Write([2, 0]);
        table.Write("RUNCVM"u8);
        table.Write("PLACES  "u8);
        table.Write(LittleEndian(1));
        table.Write("RCVM"u8);
        table.Write(LittleEndian(1));
        table.Write(body);
        byte[] bytes = table.ToArray();
        bytes[ChecksumAt] = (byte)-bytes.Sum(static b => b);
        return bytes;
    }

    // DESCRIPTION_HEADER of the specification's chapter 5.2.6.
    private const int Header = 36;

    private static void Place(AmlWriter scope, uint number) => scope.Device($"RV{number:X2}", device =>
    {
        device.Name("_HID", SavedGuest.PlaceKind);
        device.Name("_UID", (byte)number);
        device.Resources("_CRS", Memory + (number * Length), Length, Interrupt + number);
    });

    private static byte[] LittleEndian(uint number)
    {
        byte[] bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
        return bytes;
    }
}
