using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse.Wire;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.VirtioFs;

namespace Runcvm.Tests.VirtioFs;

/// <summary>Files of the host, as a guest's driver reads and writes them through the rings.</summary>
public sealed class VirtioFsTests : IDisposable
{
    private const ulong Top = 1;
    private const uint ReadWrite = 2;

    private readonly string _root = Directory.CreateTempSubdirectory("runcvm-virtiofs-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_is_found_read_and_written_through_the_rings(bool eventIndexes)
    {
        File.WriteAllText(Path.Combine(_root, "greeting"), "hello from the host");
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin(eventIndexes);
        ulong share = Begin(driver);
        (int error, byte[] found) = driver.Ask(Opcode.Lookup, share, "greeting"u8);
        Assert.Equal(0, error);
        EntryOut entry = MemoryMarshal.Read<EntryOut>(found);
        Assert.Equal(19UL, entry.Attr.Size);
        OpenOut open = MemoryMarshal.Read<OpenOut>(
            driver.Ask(Opcode.Open, entry.Nodeid, new OpenIn(ReadWrite, 0)).Body);
        byte[] text = driver.Ask(Opcode.Read, entry.Nodeid, new ReadIn(open.Fh, 6, 100, 0, 0, 0, 0)).Body;
        Assert.Equal("from the host", Encoding.UTF8.GetString(text));
        (error, byte[] written) = driver.Ask(
            Opcode.Write, entry.Nodeid, new WriteIn(open.Fh, 0, 5, 0, 0, 0, 0), "HELLO"u8);
        Assert.Equal((0, 5U), (error, MemoryMarshal.Read<WriteOut>(written).Size));
        Assert.Equal("HELLO from the host", File.ReadAllText(Path.Combine(_root, "greeting")));
        AssertMissing(driver, share);
        Assert.Equal(0, driver.Ask(Opcode.Release, entry.Nodeid, new ReleaseIn(open.Fh, 0, 0, 0)).Error);
        Assert.Equal(0, driver.Files.OpenHandles);
        Assert.False(driver.Failure.Task.IsCompleted);
    }

    [Fact]
    public void A_folder_is_listed_and_what_it_is_told_to_forget_is_forgotten()
    {
        foreach (string name in (string[])["a", "b", "c"]) File.WriteAllText(Path.Combine(_root, name), name);
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        ulong share = Begin(driver);
        OpenOut open = MemoryMarshal.Read<OpenOut>(driver.Ask(Opcode.Opendir, share, new OpenIn(0, 0)).Body);
        byte[] listed = driver.Ask(Opcode.Readdir, share, new ReadIn(open.Fh, 0, 4096, 0, 0, 0, 0)).Body;
        Assert.Superset(new HashSet<string> { "a", "b", "c" }, Names(listed));
        int before = driver.Files.Nodes;
        EntryOut entry = MemoryMarshal.Read<EntryOut>(driver.Ask(Opcode.Lookup, share, "a"u8).Body);
        Assert.Equal(before + 1, driver.Files.Nodes);
        // FORGET has no answer: its entry comes back with nothing in it.
        driver.Offer(Opcode.Forget, entry.Nodeid, new ForgetIn(1));
        driver.Await(VirtioFsDriver.Requests);
        Assert.Equal(before, driver.Files.Nodes);
    }

    [Fact]
    public void Many_requests_at_once_are_all_answered_by_several_threads()
    {
        for (int i = 0; i < 4; i++) File.WriteAllText(Path.Combine(_root, $"f{i}"), new string('x', 1000 + i));
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        ulong share = Begin(driver);
        for (int round = 0; round < 8; round++)
        {
            // UNLINK may take long, so another thread leads meanwhile.
            for (int i = 0; i < 3; i++)
                driver.Offer(Opcode.Unlink, share, default(VirtioFsDriver.NoArguments), "not there\0"u8);
            for (int i = 0; i < 3; i++) driver.Await(VirtioFsDriver.Requests);
        }

        Assert.Equal(1003UL, MemoryMarshal.Read<EntryOut>(driver.Ask(Opcode.Lookup, share, "f3"u8).Body).Attr.Size);
    }

    [Fact]
    public void A_driver_that_starts_anew_goes_on_with_the_next_request()
    {
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        ulong share = Begin(driver);
        ulong first = driver.Hypervisors.Ask(VhostRequest.GetVringBase, VirtioFsDriver.Requests);
        Assert.Equal((ulong)driver.UsedIndex(VirtioFsDriver.Requests), first >> 32);
        driver.TellRing(VirtioFsDriver.Requests, (ushort)(first >> 32));
        AssertMissing(driver, share);
        driver.Hypervisors.Acknowledged(VhostRequest.SetVringEnable, VirtioFsDriver.Requests, 0);
        Assert.False(driver.Server.All[VirtioFsDriver.Requests].IsRunning);
        driver.Hypervisors.Acknowledged(VhostRequest.SetVringEnable, VirtioFsDriver.Requests, 1);
        // The same memory told again keeps its mapping, and the rings go on.
        driver.TellMemory();
        AssertMissing(driver, share);
    }

    [Fact]
    public void A_request_that_waits_for_a_lock_is_announced_and_answered_when_the_lock_is_free()
    {
        (VirtioFsDriver driver, SafeFileHandle host, ulong node, ulong handle) = Locked();
        using (driver)
        {
            int slot = WaitForLock(driver, node, handle);
            host.Dispose();
            driver.Await(VirtioFsDriver.Requests);
            Assert.Equal(0, driver.Answer(slot).Error);
            Assert.Equal((driver.LastUnique, 0U), driver.LockWaits.Take(Stop));
        }
    }

    [Fact]
    public void A_request_that_waits_for_a_lock_is_given_up_when_a_signal_came()
    {
        (VirtioFsDriver driver, SafeFileHandle host, ulong node, ulong handle) = Locked();
        using (driver)
        using (host)
        {
            int slot = WaitForLock(driver, node, handle);
            var header = new RequestHeader(48, Opcode.Interrupt, 0, 0, 0, 0, 0, 0, 0);
            byte[] interrupt =
            [
                .. MemoryMarshal.AsBytes(new ReadOnlySpan<RequestHeader>(ref header)),
                .. VhostUserFrontEnd.Bytes(driver.LastUnique),
            ];
            driver.Server.Interrupt(interrupt);
            driver.Await(VirtioFsDriver.Requests);
            Assert.Equal(-(int)Errno.EINTR, driver.Answer(slot).Error);
        }
    }

    [Fact]
    public void An_answer_for_a_ring_that_has_stopped_goes_nowhere()
    {
        (VirtioFsDriver driver, SafeFileHandle host, ulong node, ulong handle) = Locked();
        using (driver)
        {
            WaitForLock(driver, node, handle);
            ushort used = driver.UsedIndex(VirtioFsDriver.Requests);
            driver.Hypervisors.Ask(VhostRequest.GetVringBase, VirtioFsDriver.Requests);
            host.Dispose();
            Assert.Equal((driver.LastUnique, 0U), driver.LockWaits.Take(Stop));
            Assert.Equal(used, driver.UsedIndex(VirtioFsDriver.Requests));
        }
    }

    [Fact]
    public async Task Two_requests_of_one_number_that_both_wait_end_the_machine()
    {
        (VirtioFsDriver driver, SafeFileHandle host, ulong node, ulong handle) = Locked();
        using (driver)
        using (host)
        {
            int slot = WaitForLock(driver, node, handle);
            // The chain lies still where it was: offered again it is the same request.
            driver.Offer(VirtioFsDriver.Requests, (ushort)(slot * 4));
            Assert.Contains(
                "two requests have the number", (await driver.Failure.Task.WaitAsync(Patience, Stop)).Message,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("the head is none of the ring", 16, 0UL, 0U, (ushort)0)]
    [InlineData("memory that the guest has not", 0, 0UL, 64U, (ushort)0)]
    [InlineData("a chain that never ends", 0, VirtioFsDriver.Guest + 0x10_0000, 1U, (ushort)1)]
    [InlineData("a request of most of 32 bits", 0, VirtioFsDriver.Guest, uint.MaxValue, (ushort)0)]
    [InlineData("not even a header", 0, VirtioFsDriver.Guest, 3U, (ushort)0)]
    public async Task A_broken_chain_ends_the_machine(
        string what, ushort head, ulong address, uint length, ushort flags)
    {
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        driver.Describe(VirtioFsDriver.Requests, 0, address, length, flags, 0);
        driver.Offer(VirtioFsDriver.Requests, head);
        Exception reason = await driver.Failure.Task.WaitAsync(Patience, Stop);
        Assert.True(reason is BrokenRingException or Runcvm.Fuse.BrokenRequestException, $"{what}: {reason}");
    }

    [Fact]
    public async Task A_request_that_changes_while_it_is_read_is_taken_as_one_of_its_states_or_refused()
    {
        using VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        Begin(driver);
        using var end = new CancellationTokenSource();
        Task scribbling = Task.Run(
            () =>
            {
                var random = new Random(7);
                // The entries of the chain, its bytes, and the room for the answer, all the time.
                while (!end.IsCancellationRequested)
                {
                    random.NextBytes(driver.Memory.Part(0x10_0000 + random.Next(0x400), 8));
                    random.NextBytes(driver.Memory.Part(0x4000 + random.Next(0x100), 2));
                }
            }, Stop);
        try
        {
            for (int i = 0; i < 2000 && !driver.Failure.Task.IsCompleted; i++)
            {
                driver.Offer(Opcode.Getattr, Top, (ulong)i);
            }
        }
        finally
        {
            await end.CancelAsync();
            await scribbling;
        }

        // A head that is none of the ring's ends the ring for certain. One that failed while it was stopped would keep
        // its last request, and its stop would wait for that for ever.
        driver.Offer(VirtioFsDriver.Requests, 16);
        Exception reason = await driver.Failure.Task.WaitAsync(Patience, Stop);
        Assert.True(reason is BrokenRingException or Runcvm.Fuse.BrokenRequestException, reason.ToString());
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    // Told in a way that the guest's kernel may remember: no error, and no node.
    private static void AssertMissing(VirtioFsDriver driver, ulong folder)
    {
        (int error, byte[] found) = driver.Ask(Opcode.Lookup, folder, "nothing"u8);
        Assert.Equal((0, 0UL), (error, MemoryMarshal.Read<EntryOut>(found).Nodeid));
    }

    private static TimeSpan Patience => TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    // The roots are below a folder that exists only here, by their number.
    private static ulong Begin(VirtioFsDriver driver)
    {
        Assert.Equal(0, driver.Ask(Opcode.Init, 0, new InitIn(7, 36, 0, 0)).Error);
        return MemoryMarshal.Read<EntryOut>(driver.Ask(Opcode.Lookup, Top, "0"u8).Body).Nodeid;
    }

    // A file that somebody on the host has locked, opened by the guest.
    private (VirtioFsDriver Driver, SafeFileHandle Host, ulong Node, ulong Handle) Locked()
    {
        string path = Path.Combine(_root, "locked");
        File.WriteAllText(path, "");
        SafeFileHandle host = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        FileDescriptor.Lock(host);
        VirtioFsDriver driver = new VirtioFsDriver(_root).Begin();
        ulong node = MemoryMarshal.Read<EntryOut>(driver.Ask(Opcode.Lookup, Begin(driver), "locked"u8).Body).Nodeid;
        ulong handle = MemoryMarshal.Read<OpenOut>(driver.Ask(Opcode.Open, node, new OpenIn(ReadWrite, 0)).Body).Fh;
        return (driver, host, node, handle);
    }

    private static int WaitForLock(VirtioFsDriver driver, ulong node, ulong handle)
    {
        const uint Exclusive = 1, IsFlock = 1;
        int slot = driver.Offer(
            Opcode.Setlkw, node, new LkIn(handle, 5, new FileLock(0, long.MaxValue, Exclusive, 0), IsFlock, 0),
            thread: 77);
        Assert.Equal((driver.LastUnique, 77U), driver.LockWaits.Take(Stop));
        return slot;
    }

    private static HashSet<string> Names(ReadOnlySpan<byte> listed)
    {
        var names = new HashSet<string>();
        while (listed.Length >= Dirent.Size)
        {
            int length = (int)MemoryMarshal.Read<Dirent>(listed).Namelen;
            names.Add(Encoding.UTF8.GetString(listed.Slice(Dirent.Size, length)));
            listed = listed[((Dirent.Size + length + 7) & ~7)..];
        }

        return names;
    }
}
