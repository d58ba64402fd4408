using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mappings;
using Runcvm.VirtioFs;

namespace Runcvm.Tests.VirtioFs;

/// <summary>A hypervisor that was taken over says what it likes about memory and rings. The device answers or
/// ends.</summary>
public sealed class VhostUserDeviceTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("runcvm-vhost-").FullName;
    private readonly VirtioFsDriver _driver;

    public VhostUserDeviceTests() => _driver = new VirtioFsDriver(_root);

    private VhostUserFrontEnd Device => _driver.Hypervisors;

    public void Dispose()
    {
        _driver.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void It_says_what_it_can()
    {
        Assert.Equal(1UL << 32 | 7UL << 28, Device.Ask(VhostRequest.GetFeatures));
        Assert.Equal(9UL, Device.Ask(VhostRequest.GetProtocolFeatures));
        Assert.Equal(2UL, Device.Ask(VhostRequest.GetQueueNum));
        VhostRequest[] ignored = [VhostRequest.SetOwner, VhostRequest.ResetOwner, VhostRequest.SetVringErr];
        foreach (VhostRequest told in ignored)
            Device.Acknowledged(told, VhostUserFrontEnd.Bytes(0));
        Device.Acknowledged(VhostRequest.SetProtocolFeatures, VhostUserFrontEnd.Bytes(9));
        Device.End();
        Assert.Null(Device.Reason);
    }

    [Theory]
    [InlineData(2U, 1UL << 33)]
    [InlineData(16U, 1UL << 5)]
    [InlineData(99U, 0UL)]
    [InlineData(0U, 0UL)]
    public void What_was_not_offered_is_refused(uint request, ulong number)
    {
        Device.Send((VhostRequest)request, number);
        Refused("which was not offered");
    }

    [Theory]
    [InlineData(10U)]
    [InlineData(8U)]
    [InlineData(13U)]
    [InlineData(11U)]
    public void A_ring_that_it_has_not_is_refused(uint request)
    {
        Device.Send((VhostRequest)request, VhostUserFrontEnd.State(2, 8));
        Refused("told of ring 2, of 2");
    }

    [Theory]
    [InlineData(0U, 8)]
    [InlineData(2U, 8)]
    [InlineData(1U, 265)]
    [InlineData(1U, -1)]
    public void A_message_of_a_wrong_version_or_length_is_refused(uint flags, int length)
    {
        Device.SendRaw(VhostUserFrontEnd.Header(VhostRequest.GetFeatures, flags, length));
        Refused("the hypervisor sent a message of");
    }

    [Fact]
    public void A_message_that_breaks_off_in_its_header_or_body_is_refused()
    {
        Device.SendRaw(VhostUserFrontEnd.Header(VhostRequest.SetFeatures, 1, 8));
        Device.End();
        Refused("ended in the middle of a message");
        using var second = new VhostUserFrontEnd(_driver.Server);
        second.SendRaw([1, 0, 0]);
        second.End();
        Assert.Contains("ended in the middle of a message", second.Reason!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_body_that_is_missing_reads_as_zeros()
    {
        Device.SendRaw(VhostUserFrontEnd.Header(VhostRequest.SetVringNum, 9, 0));
        Assert.Equal(0UL, Device.Receive(VhostRequest.SetVringNum));
    }

    [Theory]
    [InlineData("more parts than files", 2UL, 1)]
    [InlineData("more files than parts", 1UL, 2)]
    [InlineData("parts without a body", 8UL, 8)]
    [InlineData("more parts than there may be", 9UL, 7)]
    [InlineData("most of 32 bits", uint.MaxValue, 1)]
    public void Memory_that_was_told_in_part_is_refused(string what, ulong count, int files)
    {
        using SafeFileHandle memory = SharedMapping.NewFile(what, 4096);
        SafeFileHandle[] all = [.. Enumerable.Repeat(memory, files)];
        Device.Send(VhostRequest.SetMemTable, VhostUserFrontEnd.Bytes(count, 0, 4096, 0, 0), all);
        Refused("parts of memory with");
    }

    [Theory]
    [InlineData(8192UL, 0UL)]
    [InlineData(4096UL, 4096UL)]
    [InlineData(0UL, 0UL)]
    [InlineData(4096UL, ulong.MaxValue)]
    [InlineData(ulong.MaxValue, 0UL)]
    [InlineData(4096UL, 1UL << 62)]
    public void Memory_that_its_file_has_not_is_refused(ulong length, ulong offset)
    {
        using SafeFileHandle memory = SharedMapping.NewFile("guest", 4096);
        Device.Send(VhostRequest.SetMemTable, VirtioFsDriver.Region(0, length, 0, offset), memory);
        Assert.True(
            Device.AwaitReason() is BrokenRingException or LinuxException { Errno: Errno.EINVAL }, $"{Device.Reason}");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Memory_without_a_number_of_parts_is_refused(int length)
    {
        Device.Send(VhostRequest.SetMemTable, new byte[length]);
        Refused("parts of memory with");
    }

    [Fact]
    public void Memory_that_can_shrink_is_refused()
    {
        using SafeFileHandle unsealed = FileDescriptor.InMemory("guest", new byte[4096]);
        Device.Send(VhostRequest.SetMemTable, VirtioFsDriver.Region(0, 4096, 0, 0), unsealed);
        Assert.IsType<LinuxException>(Device.AwaitReason());
    }

    [Fact]
    public void Memory_in_a_file_on_a_disk_is_refused()
    {
        string path = Path.Combine(_root, "file");
        File.WriteAllBytes(path, new byte[4096]);
        using SafeFileHandle file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        Device.Send(VhostRequest.SetMemTable, VirtioFsDriver.Region(0, 4096, 0, 0), file);
        Assert.IsType<LinuxException>(Device.AwaitReason());
    }

    [Fact]
    public void Memory_that_is_told_anew_without_end_is_refused()
    {
        using SafeFileHandle memory = SharedMapping.NewFile("guest", 65 * 4096);
        for (ulong page = 0; page < 64; page++)
            Device.Acknowledged(VhostRequest.SetMemTable, VirtioFsDriver.Region(0, 4096, 0, page * 4096), memory);
        Device.Send(VhostRequest.SetMemTable, VirtioFsDriver.Region(0, 4096, 0, 64 * 4096), memory);
        Refused("more than 64 parts of memory");
    }

    [Theory]
    [InlineData(VirtioFsDriver.Hypervisor - 4096, 16U)]
    [InlineData(VirtioFsDriver.Hypervisor + VirtioFsDriver.Size - 16, 16U)]
    [InlineData(VirtioFsDriver.Hypervisor + 8, 16U)]
    [InlineData(ulong.MaxValue - 15, 16U)]
    [InlineData(VirtioFsDriver.Hypervisor, 17U)]
    [InlineData(VirtioFsDriver.Hypervisor, 2048U)]
    [InlineData(VirtioFsDriver.Hypervisor, uint.MaxValue)]
    public void A_ring_in_a_wrong_place_or_of_a_wrong_size_is_refused(ulong descriptors, uint entries)
    {
        _driver.TellMemory();
        Device.Acknowledged(VhostRequest.SetVringNum, 0, entries);
        Device.Acknowledged(
            VhostRequest.SetVringAddr,
            VhostUserFrontEnd.Bytes(0, descriptors, VirtioFsDriver.Hypervisor, VirtioFsDriver.Hypervisor, 0));
        using SafeFileHandle kick = FileDescriptor.Event();
        Device.Send(VhostRequest.SetVringKick, VhostUserFrontEnd.Bytes(0), kick);
        Assert.IsType<BrokenRingException>(Device.AwaitReason());
    }

    [Fact]
    public void A_ring_without_a_kick_file_does_not_start()
    {
        _driver.TellMemory();
        Device.Acknowledged(VhostRequest.SetVringNum, 0, 8);
        Device.Acknowledged(
            VhostRequest.SetVringAddr,
            VhostUserFrontEnd.Bytes(
                0, VirtioFsDriver.Hypervisor, VirtioFsDriver.Hypervisor, VirtioFsDriver.Hypervisor, 0));
        Device.Acknowledged(VhostRequest.SetVringKick, VhostUserFrontEnd.Bytes(1UL << 8));
        Assert.False(_driver.Server.All[0].IsRunning);
    }

    private void Refused(string why)
    {
        Assert.IsType<BrokenRingException>(Device.AwaitReason());
        Assert.Contains(why, Device.Reason!.Message, StringComparison.Ordinal);
    }
}
