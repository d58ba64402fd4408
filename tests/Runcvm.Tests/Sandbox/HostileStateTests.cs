using Runcvm.HostFiles;
using Runcvm.Images;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;
using Runcvm.Operating;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Tests.Kernels;

namespace Runcvm.Tests.Sandbox;

/// <summary>State as a hostile sandbox of an older version, or anybody else, may have left it: no verb follows it
/// anywhere, waits for it, or loses another machine over it.</summary>
public sealed class HostileStateTests : IDisposable
{
    private const string Hostile = "hostile";

    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Theory]
    [InlineData("machine.bin", "link")]
    [InlineData("machine.bin", "folder")]
    [InlineData("machine.bin", "pipe")]
    [InlineData("machine.bin", "device")]
    [InlineData("machine.bin", "huge")]
    [InlineData("machine.bin", "nonsense")]
    [InlineData("record.bin", "nonsense")]
    [InlineData("record.bin", "pipe")]
    [InlineData("lock", "link")]
    [InlineData("lock", "folder")]
    [InlineData("lock", "pipe")]
    [InlineData("lock", "device")]
    [InlineData("root-image", "link")]
    [InlineData("root-image", "folder")]
    [InlineData("root-image", "pipe")]
    [InlineData("root-image", "device")]
    [InlineData("root-image", "huge")]
    public void What_lies_in_the_place_of_a_file_hides_no_other_machine(string name, string kind)
    {
        Make("good");
        MachineFolder folder = Make(Hostile);
        Put(Path.Combine(folder.FullPath, name), kind);
        File.WriteAllText(Path.Combine(_root.Path, "good", "root-image"), "key");

        MachineSurvey survey = MachineSurvey.Of(_root.Path);
        Assert.Contains(survey.Machines, static machine => machine.Id == "good");
        Assert.Equal(2, survey.Machines.Count + survey.Broken.Count);
        bool tellsNothing = name == "machine.bin" || kind == "nonsense";
        Assert.Equal(tellsNothing ? [Hostile] : [], survey.Broken.Select(static broken => broken.Key));
        Assert.Contains("runcvm_machine_info{id=\"good\"", Metrics.Text(survey), StringComparison.Ordinal);
        Assert.Equal(1, CachedImage.UsersOf("key", _root.Path));
        Assert.False(folder.IsRunning);
        Assert.Null(LockHolders.Of(folder.Lock));
    }

    [Fact]
    public void A_broken_machine_is_named_with_the_reason_when_somebody_asks_for_it()
    {
        MachineFolder folder = Make(Hostile);
        Put(folder.Description, "nonsense");
        Assert.Contains("machine hostile cannot be looked at: ", Assert.Throws<UsageException>(()
            => KnownMachine.Find("host", _root.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_of_more_memory_than_any_has_is_refused()
    {
        MachineFolder folder = Make(Hostile);
        var parts = new Hardware { MemoryBytes = 1L << 60 };
        Write(folder, new MachineDescription { Hardware = parts, Hypervisor = "", HypervisorUser = 1, KernelCommandLine = "" });
        Assert.Contains("a machine of 1152921504606846976 bytes",
            Assert.Throws<UsageException>(folder.ReadDescription).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_control_socket_that_leads_to_another_machines_is_not_followed()
    {
        MachineFolder other = Make("good");
        using var listener = other.ListenForControl();
        other.Connect().Dispose();
        MachineFolder folder = Make(Hostile);
        File.CreateSymbolicLink(folder.ControlSocket, other.ControlSocket);
        Assert.Equal(Errno.ENOTSOCK, Assert.Throws<LinuxException>(folder.Connect).Errno);
        File.Delete(folder.ControlSocket);
        Put(folder.ControlSocket, "pipe");
        Assert.Equal(Errno.ENOTSOCK, Assert.Throws<LinuxException>(folder.Connect).Errno);
    }

    [Fact]
    public void A_control_socket_of_another_owner_is_not_used()
    {
        AssumeRoot();
        MachineFolder folder = Make(Hostile);
        using var listener = folder.ListenForControl();
        Node.SetOwner(folder.ControlSocket, 12345, 12345);
        Assert.Contains("which is somebody else's", Assert.Throws<LinuxException>(folder.Connect).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_hypervisors_socket_is_found_beneath_its_folder_alone()
    {
        MachineFolder folder = Make(Hostile);
        Directory.CreateDirectory(folder.Writable);
        string elsewhere = Directory.CreateDirectory(Path.Combine(_root.Path, "elsewhere")).FullName;
        using var listener = UnixSocket.Listen(Path.Combine(elsewhere, "api.sock"));
        File.CreateSymbolicLink(folder.Hypervisor, elsewhere);
        Assert.Equal(Errno.ELOOP, Assert.Throws<LinuxException>(() => folder.OpenHypervisorSocket("api.sock")).Errno);
        File.Delete(folder.Hypervisor);
        Directory.CreateDirectory(folder.Hypervisor);
        File.CreateSymbolicLink(Path.Combine(folder.Hypervisor, "api.sock"), Path.Combine(elsewhere, "api.sock"));
        Assert.Equal(Errno.ENOTSOCK,
            Assert.Throws<LinuxException>(() => folder.OpenHypervisorSocket("api.sock")).Errno);
        Assert.Equal(Errno.EXDEV,
            Assert.Throws<LinuxException>(() => folder.OpenHypervisorSocket("../../elsewhere/api.sock")).Errno);
    }

    [Fact]
    public void What_the_sandbox_may_write_is_bounded_and_goes_with_the_machine()
    {
        AssumeRoot();
        MachineFolder folder = MachineFolder.OfKey(Hostile, _root.Path);
        folder.Recreate();
        try
        {
            Assert.Throws<IOException>(() => File.WriteAllBytes(folder.Outcome, new byte[512 * 1024]));
            Assert.ThrowsAny<IOException>(() =>
            {
                for (int i = 0; i < 200; i++) File.WriteAllBytes(Path.Combine(folder.Writable, $"{i}"), []);
            });
            // A second time, over what a crash has left.
            folder.Recreate();
            Assert.Empty(Directory.GetFileSystemEntries(folder.Writable));
            Assert.Single(MountInfo.ReadAll(), mount => mount.Target == folder.Writable);
        }
        finally
        {
            folder.Remove();
        }

        Assert.False(Directory.Exists(folder.FullPath));
        Assert.DoesNotContain(MountInfo.ReadAll(), mount => mount.Target == folder.Writable);
    }

    [Fact]
    public void State_that_cannot_be_removed_is_put_aside()
    {
        MachineFolder folder = Make(Hostile);
        string deep = folder.FullPath;
        for (int i = 0; i < FolderRemoval.MostLevels + 2; i++) deep = Path.Combine(deep, "d");
        Directory.CreateDirectory(deep);
        folder.RemoveOrPutAside(out string? fault);
        Assert.Contains($"holds folders deeper than {FolderRemoval.MostLevels} levels", fault,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.FullPath));
        Assert.Empty(MachineSurvey.Of(_root.Path).Broken);
    }

    [Fact]
    public void Two_that_remove_one_state_at_once_are_not_in_each_others_way()
    {
        for (int round = 0; round < 20; round++)
        {
            MachineFolder folder = Make(Hostile);
            string deep = folder.FullPath;
            for (int i = 0; i < FolderRemoval.MostLevels + 2; i++) deep = Path.Combine(deep, "d");
            Directory.CreateDirectory(deep);
            Parallel.For(0, 4, _ => folder.RemoveOrPutAside(out string? fault));
            Assert.False(Directory.Exists(folder.FullPath));
        }
    }

    private static void AssumeRoot()
    {
        if (!CurrentProcess.IsRoot) Assert.Skip("takes root");
    }

    private MachineFolder Make(string key)
    {
        Directory.CreateDirectory(Path.Combine(_root.Path, key));
        MachineFolder folder = MachineFolder.OfKey(key, _root.Path);
        var parts = new Hardware { Cpus = 1, MemoryBytes = 1 << 29 };
        Write(folder,
            new MachineDescription { Hardware = parts, Hypervisor = "", HypervisorUser = 1, KernelCommandLine = "" });
        return folder;
    }

    private static void Write(MachineFolder folder, MachineDescription description)
        => File.WriteAllBytes(folder.Description, WireBytes.Of(description));

    private void Put(string path, string kind)
    {
        File.Delete(path);
        switch (kind)
        {
            case "link":
                string secret = Path.Combine(_root.Path, "secret");
                File.WriteAllText(secret, "key");
                File.CreateSymbolicLink(path, secret);
                break;
            case "folder":
                Directory.CreateDirectory(path);
                break;
            case "pipe":
                Node.Make(path, FileKind.Fifo, Permission.EverybodysFile);
                break;
            case "device":
                AssumeRoot();
                Node.Make(path, FileKind.CharacterDevice, Permission.EverybodysFile, FileStatus.Device(1, 5));
                break;
            case "huge":
                using (FileStream huge = File.Create(path)) huge.SetLength(1L << 40);
                break;
            default:
                File.WriteAllText(path, "nonsense");
                break;
        }
    }
}
