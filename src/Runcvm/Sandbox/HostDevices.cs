using System.Text.Json.Nodes;
using Runcvm.Oci;

namespace Runcvm.Sandbox;

/// <summary>Devices of the host that a container asks for. A microVM has its own of a few kinds and gets none of the host's.</summary>
internal static class HostDevices
{
    // The last lines: what every Linux has, and runc puts into every container unasked.
    private static readonly string[] InEveryGuest =
    [
        "/dev/kvm", "/dev/net/tun", "/dev/fuse", "/dev/kmsg", "/dev/cuse", "/dev/ppp", "/dev/btrfs-control",
        "/dev/mapper/control", "/dev/vhost-net", "/dev/vhost-vsock",
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/console", "/dev/ptmx",
    ];

    /// <summary>Refuses a spec that asks for a device the guest cannot have (`--device`, `--gpus`).</summary>
    internal static void Check(JsonNode? linux)
    {
        // --privileged lists every device of the host, which nobody asked for one by one.
        if (AllowsAll(linux?["resources"]?["devices"])) return;
        foreach (JsonNode? device in ProcessReader.Items(linux?["devices"]))
        {
            string path = device?["path"]?.GetValue<string>() ?? "";
            if (Array.IndexOf(InEveryGuest, path) >= 0 || path.StartsWith("/dev/loop", StringComparison.Ordinal)) continue;
            throw new UsageException(
                $"--device {path}: a device of the host cannot be handed to a microVM; leave it out (the guest has "
                + "those of its own kernel: /dev/kvm, /dev/net/tun, /dev/fuse, /dev/kmsg, /dev/ppp and /dev/loop*, "
                + "where it supports them)");
        }
    }

    /// <summary>Refuses the hooks by which engines hand out graphics processors: they would work on the sandbox, and the guest would see nothing of it.</summary>
    internal static void CheckHooks(JsonNode? hooks)
    {
        foreach (string stage in (string[])["prestart", "createRuntime"])
        {
            foreach (JsonNode? hook in ProcessReader.Items(hooks?[stage]))
            {
                string program = Path.GetFileName(hook?["path"]?.GetValue<string>() ?? "");
                if (program is "nvidia-container-runtime-hook" or "nvidia-container-toolkit")
                    throw new UsageException("--gpus: a device of the host cannot be handed to a microVM; leave it out");
            }
        }
    }

    /// <summary>Whether a container may use every device, as privileged ones may.</summary>
    internal static bool AllowsAll(JsonNode? rules)
        => ProcessReader.Items(rules).Any(static rule => rule?["allow"]?.GetValue<bool>() == true
            && rule["major"] == null && rule["minor"] == null && rule["type"]?.GetValue<string>() is null or "a" && rule?["access"]?.GetValue<string>() == "rwm");
}
