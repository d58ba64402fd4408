using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>The file from which Firecracker makes the machine: one object for each device, with the names of its API.</summary>
internal static class FirecrackerConfiguration
{
    // 0 to 2 have a meaning of their own; every machine has its own device, so all can have the same.
    private const int GuestContext = 3;

    internal static byte[] Build(MachineSettings settings, FirecrackerFiles files)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            Boot(json, settings);
            Machine(json, settings);
            json.WriteStartArray("drives");
            foreach (MachineSettings.Disk disk in settings.Disks) Drive(json, disk);
            json.WriteEndArray();
            json.WriteStartArray("network-interfaces");
            for (int i = 0; i < settings.Cards.Count; i++) Card(json, settings.Cards[i], i);
            json.WriteEndArray();
            Vsock(json, files);
            json.WriteStartObject("entropy");
            json.WriteEndObject();
            if (settings.Hardware.Balloon) Balloon(json, settings.Hardware.BalloonMebibytes);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Boot(Utf8JsonWriter json, MachineSettings settings)
    {
        json.WriteStartObject("boot-source");
        json.WriteString("kernel_image_path", settings.Vmlinux);
        json.WriteString("initrd_path", settings.Initramfs);
        json.WriteString("boot_args", settings.KernelCommandLine);
        json.WriteEndObject();
    }

    private static void Machine(Utf8JsonWriter json, MachineSettings settings)
    {
        json.WriteStartObject("machine-config");
        json.WriteNumber("vcpu_count", settings.Hardware.Cpus);
        json.WriteNumber("mem_size_mib", settings.Hardware.MemoryMebibytes);
        // With siblings an odd number of CPUs is refused, and the host's own are not known to be siblings of each other.
        json.WriteBoolean("smt", false);
        json.WriteBoolean("track_dirty_pages", false);
        json.WriteString("huge_pages", settings.Hardware.HugePages ? "2M" : "None");
        json.WriteEndObject();
    }

    private static void Drive(Utf8JsonWriter json, MachineSettings.Disk disk)
    {
        json.WriteStartObject();
        json.WriteString("drive_id", disk.Serial);
        json.WriteString("path_on_host", disk.Path);
        // The root of the initramfs is the kernel's; a root device would only add arguments to its command line.
        json.WriteBoolean("is_root_device", false);
        json.WriteBoolean("is_read_only", disk.ReadOnly);
        // The other kind ignores the guest's flushes: what it calls written would be lost with the host's power.
        json.WriteString("cache_type", "Writeback");
        // The other one is io_uring, which the engines' filters of system calls forbid.
        json.WriteString("io_engine", "Sync");
        json.WriteEndObject();
    }

    private static void Card(Utf8JsonWriter json, MachineSettings.NetworkCard card, int index)
    {
        json.WriteStartObject();
        json.WriteString("iface_id", $"net{index}");
        json.WriteString("host_dev_name", card.TapName);
        json.WriteString("guest_mac", string.Join(':', card.HardwareAddress.Select(static b => b.ToString("x2", CultureInfo.InvariantCulture))));
        json.WriteEndObject();
    }

    private static void Vsock(Utf8JsonWriter json, FirecrackerFiles files)
    {
        json.WriteStartObject("vsock");
        json.WriteNumber("guest_cid", GuestContext);
        json.WriteString("uds_path", files.Vsock);
        json.WriteEndObject();
    }

    private static void Balloon(Utf8JsonWriter json, int mebibytes)
    {
        json.WriteStartObject("balloon");
        json.WriteNumber("amount_mib", mebibytes);
        // A workload that needs memory comes before a balloon that somebody blew up.
        json.WriteBoolean("deflate_on_oom", true);
        json.WriteEndObject();
    }
}
