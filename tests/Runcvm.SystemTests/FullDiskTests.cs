namespace Runcvm.SystemTests;

/// <summary>The host's file system has no room for what a machine's disk holds.</summary>
public class FullDiskTests(DockerEngine engine) : MachineTest(engine)
{
    [Fact]
    public async Task A_machine_waits_for_room_on_the_host_and_loses_nothing()
    {
        OnlyMachines();
        // Firecracker tells the guest, whose file system gives up.
        Assert.SkipWhen(DockerEngine.Hypervisor == "firecracker", "Firecracker does not wait");
        string folder = Path.Combine(Engine.Folder, "small");
        Directory.CreateDirectory(folder);
        (await Engine.BesideAsync("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder)).Succeeded();
        try
        {
            (await Engine.BesideAsync("dd", "if=/dev/zero", $"of={folder}/filler", "bs=1M", "count=36")).Succeeded();
            string name = await StartAsync("-v", $"{folder}:/disks", "-e", "RUNCVM_DISKS=/disks/a,/data,ext4,128M", Busybox, "sleep", "1000");
            (await Docker.RunAsync("exec", name, "sh", "-c", "echo kept > /data/kept; sync")).Succeeded();
            Task<CommandResult> filling = Docker.RunAsync(
                "exec", name, "sh", "-c", "dd if=/dev/zero bs=1M count=48 2>/dev/null | tr '\\0' x > /data/big && sync && md5sum < /data/big");
            await Eventually.TrueAsync(() => HasSaidAsync(name, "the host has no room for the machine's disk disk1"), "a line about the full disk");
            Assert.False(filling.IsCompleted);
            (await Engine.BesideAsync("rm", $"{folder}/filler")).Succeeded();
            CommandResult filled = (await filling).Succeeded();
            // 48 MiB of the letter x.
            Assert.Equal("4eaa8ff40c1c5f0a0f9318d0405cca32  -", filled.Text);
            await Eventually.TrueAsync(() => HasSaidAsync(name, "the machine goes on"), "a line about the room");
            CommandResult after = await Docker.RunAsync("exec", name, "sh", "-c", "cat /data/kept; echo more > /data/more; sync; date +%s");
            string[] lines = after.Succeeded().Text.Split('\n');
            Assert.Equal("kept", lines[0]);
            long behind = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(lines[1], System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(behind, -1, 3);
            (await Docker.RunAsync("rm", "--force", name)).Succeeded();
        }
        finally
        {
            await Engine.BesideAsync("umount", "--lazy", folder);
        }
    }

    private async Task<bool> HasSaidAsync(string name, string words)
        => (await Docker.RunAsync("logs", name)).Stderr.Contains(words, StringComparison.Ordinal);
}
