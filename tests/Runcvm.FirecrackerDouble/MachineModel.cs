using System.Text.Json;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.FirecrackerDouble;

/// <summary>The machine as it was described so far, by requests or by a file.</summary>
internal sealed class MachineModel
{
    private const int MostCpus = 32;
    private const int FirstGuestContext = 3;

    internal JsonElement? BootSource { get; private set; }

    internal int Cpus { get; private set; } = 1;

    internal long Memory { get; private set; } = 128;

    internal string HugePages { get; private set; } = "None";

    internal List<JsonElement> Drives { get; } = [];

    internal List<JsonElement> Networks { get; } = [];

    internal JsonElement? Vsock { get; private set; }

    internal JsonElement? Balloon { get; private set; }

    internal bool Entropy { get; private set; }

    internal void Load(JsonElement file)
    {
        if (Try(file, "machine-config") is { } machine) SetMachine(machine);
        SetBootSource(file.GetProperty("boot-source"));
        foreach (JsonElement drive in file.GetProperty("drives").EnumerateArray()) SetDrive(drive);
        if (Try(file, "network-interfaces") is { } networks)
            foreach (JsonElement network in networks.EnumerateArray()) SetNetwork(network);
        if (Try(file, "vsock") is { } vsock) SetVsock(vsock);
        if (Try(file, "balloon") is { } balloon) SetBalloon(balloon);
        if (Try(file, "entropy") is not null) SetEntropy();
    }

    internal void SetMachine(JsonElement machine)
    {
        ulong cpus = Number(machine, "vcpu_count") ?? (ulong)Cpus;
        ulong memory = Number(machine, "mem_size_mib") ?? (ulong)Memory;
        bool smt = Try(machine, "smt")?.GetBoolean() ?? false;
        if (cpus is 0 or > MostCpus || (smt && cpus > 1 && cpus % 2 != 0))
        {
            throw new FaultException(
                "Machine config error: The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even number if SMT is enabled.");
        }

        string pages = Text(machine, "huge_pages") ?? HugePages;
        bool large = pages is "2M" or "Transparent";
        if (memory == 0 || (large && memory % 2 != 0))
            throw new FaultException("Machine config error: The memory size (MiB) is either 0, or not a multiple of the configured page size.");
        Cpus = (int)cpus;
        Memory = (long)memory;
        HugePages = pages;
    }

    internal void SetBootSource(JsonElement source)
    {
        Readable(Text(source, "kernel_image_path")!, "Boot source error: The kernel file cannot be opened: ");
        if (Text(source, "initrd_path") is { } initrd)
            Readable(initrd, "Boot source error: The initrd file cannot be opened due to invalid path or invalid permissions. ");
        if (Text(source, "boot_args") is { Length: > 2047 }) throw new FaultException("Boot source error: The kernel command line is invalid: Kernel cmdline too large");
        BootSource = source.Clone();
    }

    internal void SetDrive(JsonElement drive)
    {
        const string Failed = "Block device error: Unable to create the virtio block device: ";
        string id = Id(drive, "drive_id");
        bool block = Text(drive, "path_on_host") != null && Try(drive, "is_read_only") is not null;
        if (!block || Text(drive, "socket") != null) throw new FaultException(Failed + "Invalid block device configuration.");
        Readable(Text(drive, "path_on_host")!, Failed + "Virtio backend error: Error manipulating the backing file: ", !drive.GetProperty("is_read_only").GetBoolean());
        Drives.RemoveAll(other => Text(other, "drive_id") == id);
        if (drive.GetProperty("is_root_device").GetBoolean())
        {
            if (Drives.Exists(static other => other.GetProperty("is_root_device").GetBoolean()))
                throw new FaultException("Block device error: A root block device already exists!");
            Drives.Insert(0, drive.Clone());
        }
        else
        {
            Drives.Add(drive.Clone());
        }
    }

    internal void SetNetwork(JsonElement network)
    {
        string id = Id(network, "iface_id");
        Networks.RemoveAll(other => Text(other, "iface_id") == id);
        if (Networks.Exists(other => Text(other, "guest_mac") is { } mac && mac == Text(network, "guest_mac")))
            throw new FaultException($"Network device error: The MAC address is already in use: {Text(network, "guest_mac")}");
        Networks.Add(network.Clone());
    }

    internal void SetVsock(JsonElement vsock)
    {
        if (Number(vsock, "guest_cid") < FirstGuestContext) throw new FaultException($"Vsock device error: invalid guest_cid, expected at least {FirstGuestContext}");
        string path = Text(vsock, "uds_path")!;
        if (File.Exists(path))
            throw new FaultException("Vsock device error: Cannot create backend for vsock device: Error binding to the host-side Unix socket: Address in use (os error 98)");
        Vsock = vsock.Clone();
    }

    internal void SetBalloon(JsonElement balloon)
    {
        if (Number(balloon, "amount_mib") > (ulong)Memory) throw new FaultException("Balloon device error: Amount of pages requested cannot exceed guest memory size.");
        Balloon = balloon.Clone();
    }

    internal void SetEntropy() => Entropy = true;

    internal static string? Text(JsonElement value, string name) => Try(value, name)?.GetString();

    internal static ulong? Number(JsonElement value, string name) => Try(value, name)?.GetUInt64();

    internal static JsonElement? Try(JsonElement value, string name)
        => value.TryGetProperty(name, out JsonElement item) && item.ValueKind != JsonValueKind.Null ? item : null;

    private static string Id(JsonElement value, string name)
    {
        string id = Text(value, name)!;
        if (id.Length == 0) throw new FaultException("The ID cannot be empty.");
        return id.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_')
            ? id
            : throw new FaultException("API Resource IDs can only contain alphanumeric characters and underscores.");
    }

    private static void Readable(string path, string failure, bool forWriting = false)
    {
        try
        {
            // Not File.Open, which takes a lock as well, and finds one that the supervisor holds.
            FileDescriptor.Open(path, forWriting ? OpenFlags.ReadWrite : OpenFlags.ReadOnly).Dispose();
        }
        catch (LinuxException e)
        {
            throw new FaultException($"{failure}{(e.Errno == Errno.EACCES ? "Permission denied (os error 13)" : "No such file or directory (os error 2)")} {path}");
        }
    }
}
