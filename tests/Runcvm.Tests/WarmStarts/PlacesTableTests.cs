using System.Buffers.Binary;
using System.Text;
using Runcvm.Protocol;
using Runcvm.WarmStarts;

namespace Runcvm.Tests.WarmStarts;

public class PlacesTableTests
{
    // Put together by hand after the specification, for
    // Scope (\_SB) { Device (RV01) { Name (_HID, "LNRO0005") Name (_UID, 0x01) Name (_CRS, ResourceTemplate () {
    //   Memory32Fixed (ReadWrite, 0xFEB00200, 0x200) Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 25 }
    // }) } }
    private const string OneDevice =
        "10 44 04 5C 5F 53 42 5F " +
        "5B 82 3B 52 56 30 31 " +
        "08 5F 48 49 44 0D 4C 4E 52 4F 30 30 30 35 00 " +
        "08 5F 55 49 44 0A 01 " +
        "08 5F 43 52 53 11 1A 0A 17 " +
        "86 09 00 01 00 02 B0 FE 00 02 00 00 " +
        "89 06 00 01 01 19 00 00 00 79 00";

    [Fact]
    public void A_device_is_written_as_the_specification_says()
    {
        var aml = new AmlWriter();
        aml.Scope("\\_SB_", static scope => scope.Device("RV01", static device =>
        {
            device.Name("_HID", "LNRO0005");
            device.Name("_UID", 1);
            device.Resources("_CRS", 0xFEB00200, 0x200, 25);
        }));
        Assert.Equal(OneDevice, string.Join(' ', aml.Written.Select(static b => b.ToString("X2"))));
    }

    [Fact]
    public void Its_bytes_come_to_nothing_and_its_length_is_its_own()
    {
        byte[] table = PlacesTable.Bytes();
        Assert.Equal("SSDT", Encoding.ASCII.GetString(table, 0, 4));
        Assert.Equal(table.Length, BinaryPrimitives.ReadInt32LittleEndian(table.AsSpan(4)));
        Assert.Equal(0, table.Sum(static b => b) & 0xff);
    }

    [Fact]
    public void There_are_as_many_places_as_the_guest_looks_at_and_none_is_the_first()
    {
        string table = Encoding.Latin1.GetString(PlacesTable.Bytes());
        Assert.Equal(SavedGuest.Places, table.Split(SavedGuest.PlaceKind).Length - 1);
        Assert.DoesNotContain("RV00", table, StringComparison.Ordinal);
        Assert.Contains("RV17", table, StringComparison.Ordinal);
    }

    [Fact]
    public void The_archive_in_front_begins_with_the_table_and_ends_where_another_may_begin()
    {
        var front = new MemoryStream();
        SavedInitramfs.WriteFront(front);
        string text = Encoding.Latin1.GetString(front.ToArray());
        Assert.Equal(110, text.IndexOf(PlacesTable.File, StringComparison.Ordinal));
        Assert.Contains(Encoding.Latin1.GetString(PlacesTable.Bytes()), text, StringComparison.Ordinal);
        Assert.Equal(0, front.Length % 4);
    }
}
