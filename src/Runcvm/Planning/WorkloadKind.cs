using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Messages;

namespace Runcvm.Planning;

/// <summary>What the image's own process is, and what the guest is told of it.</summary>
internal static class WorkloadKind
{
    private static readonly CapabilitySet Privileged = CapabilitySet.Of(["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"]);

    // In a container systemd leaves out what only a machine of its own may do. Without this word systemd 257 and newer
    // take every machine of ours for one, by its PID namespace; the word without a value says that it is none.
    private const string ContainerMark = "container=";

    // RUNCVM_BREAK. The workload takes the place of the outer shell, so it has the number that it would have had.
    private static readonly string[] ShellFirst =
        ["/bin/sh", "-c", "echo 'RUNCVM_BREAK=preinit: a shell before the workload, which begins when this ends' >&2; /bin/sh; exec \"$@\"", "runcvm-break"];

    /// <summary>Whether the command is systemd, or a link to it in this root.</summary>
    internal static bool IsSystemd(string rootPath, string[] arguments)
    {
        if (arguments.Length == 0 || !arguments[0].StartsWith('/')) return false;
        using SafeFileHandle root = FileDescriptor.Open(rootPath, OpenFlags.Path | OpenFlags.Directory);
        try
        {
            using SafeFileHandle? program = FileDescriptor.TryOpenInRoot(root, arguments[0], OpenFlags.Path);
            string? target = program == null ? null : new FileInfo(FileDescriptor.PathOf(program)).LinkTarget;
            return target != null && Path.GetFileName(target) == "systemd";
        }
        catch (LinuxException)
        {
            // Not to be opened by this name, so not systemd; the start will say what it is.
            return false;
        }
    }

    /// <summary>The workload's process. An engine's own init (`--init`) is taken off its front: the guest has one.</summary>
    internal static ProcessSpec Describe(JsonObject process, string[] environment, MachineOptions options, bool hasInit, bool isPodmans)
    {
        IEnumerable<string> visible = MachineOptions.WithoutRuncvm(environment);
        if (options.Systemd) visible = [.. visible.Where(static entry => !IsContainerMark(entry)), ContainerMark];
        ProcessSpec spec = ProcessReader.Read(process, [.. visible], () => isPodmans);
        if (hasInit) spec = spec with { Arguments = WithoutInit(spec.Arguments) };
        return options.Break ? spec with { Arguments = [.. ShellFirst, .. spec.Arguments] } : spec;
    }

    private static bool IsContainerMark(string entry) => entry.StartsWith(ContainerMark, StringComparison.Ordinal);

    /// <summary>Whether `--privileged` was given: nothing else gives these all.</summary>
    internal static bool IsPrivileged(JsonObject process)
        => CapabilitySet.Of(ProcessReader.Texts(process["capabilities"]?["bounding"])).Contains(Privileged);

    // docker: /sbin/docker-init -- PROGRAM …; podman: /run/podman-init -- PROGRAM …
    private static IReadOnlyList<string> WithoutInit(IReadOnlyList<string> arguments)
        => arguments.Count > 2 && arguments[1] == "--" ? [.. arguments.Skip(2)] : arguments;
}
