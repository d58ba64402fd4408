using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Machines.Firecracker;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm update`: limits of a running machine. The sandbox's limit must leave room for the hypervisor beside
/// the guest's memory, or the kernel would end the machine.</summary>
internal static class UpdateVerb
{
    private const int StandardInput = 0;

    // Of runc and of crun.
    private static readonly string[] FlagsWithValue =
    [
        "--resources", "-r", "--blkio-weight", "--cpu-period", "--cpu-quota", "--cpu-burst", "--cpu-share", "--cpu-rt-period", "--cpu-rt-runtime",
        "--cpuset-cpus", "--cpuset-mems", "--cpu-idle", "--kernel-memory", "--kernel-memory-tcp", "--memory", "--memory-reservation", "--memory-swap",
        "--pids-limit", "--l3-cache-schema", "--mem-bw-schema",
    ];

    internal static int Run(CommandLine command, HostConfig config)
    {
        string? id = command.ContainerId(FlagsWithValue);
        string? resources = command.ValueOf(FlagsWithValue, "--resources", "-r");
        MachineFolder? folder = id == null ? null : MachineFolder.Of(id);
        IReadOnlyList<string> arguments = command.Arguments;
        if (folder is { Exists: true })
        {
            if (resources == null) throw new UsageException("update of a machine needs --resources FILE; use docker update or podman update, which give it");
            arguments = Rewrite(command, resources, ReadDescription(folder), folder);
        }

        LowLevelRuntime.Execute(config.LowLevelRuntime, arguments);
        return 1;
    }

    // The rewritten resources go to the low-level runtime on its standard input, whatever they came in on.
    private static List<string> Rewrite(CommandLine command, string resources, MachineDescription machine, MachineFolder folder)
    {
        using SafeFileHandle source = resources == "-" ? FileDescriptor.Duplicate(new SafeFileHandle(StandardInput, false)) : FileDescriptor.Open(resources, OpenFlags.ReadOnly);
        JsonObject limits = Read(FileDescriptor.ReadToEnd(source));
        TakeMemoryBack(limits, machine, folder);
        SandboxSpec.RaiseLimits(limits, MemoryOverhead.Of(machine.UseKvm, machine.Shares.Count > 0));
        using SafeFileHandle rewritten = FileDescriptor.InMemory("resources", Encoding.UTF8.GetBytes(limits.ToJsonString()));
        FileDescriptor.Rewind(rewritten);
        FileDescriptor.PlaceAt(rewritten, StandardInput);
        return [.. command.Arguments.Select(argument => argument == resources ? "-" : argument)];
    }

    private static JsonObject Read(byte[] resources)
    {
        const string What = "the resources for update";
        try
        {
            JsonObject limits = JsonNode.Parse(resources) as JsonObject ?? throw new UsageException($"{What} are no JSON object");
            SpecTypes.CheckResources(limits, What);
            return limits;
        }
        catch (JsonException e)
        {
            throw new UsageException($"{What} are not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1})", e);
        }
    }

    // Less than the guest was started with is a wish that only the guest can grant: the sandbox's own limit stays, or the kernel
    // would end a machine whose guest is slow to give back, or will not.
    private static void TakeMemoryBack(JsonObject limits, MachineDescription machine, MachineFolder folder)
    {
        const long Mebibyte = 1024 * 1024;
        if (MemoryLimit.Of(limits) is not { } limit) return;
        long asked = limit / Mebibyte;
        long has = machine.MemoryBytes / Mebibyte;
        if (limit < MachineSize.LeastMemory) throw new UsageException($"a machine needs at least {ByteSize.Text(MachineSize.LeastMemory)} of memory, not {asked} MiB");
        if (machine.IsFirecracker)
        {
            if (!machine.Balloon)
            {
                if (asked >= has) return;
                throw new UsageException($"the machine was started with {has} MiB of memory and RUNCVM_ENABLE_BALLOON=0, so none of it can be taken back ({asked} MiB asked for)");
            }

            new FirecrackerApi(new FirecrackerFiles(folder.Hypervisor).Api).SetBalloon(Math.Max(0, has - asked));
            foreach (string name in (string[])["limit", "swap"])
            {
                if (limits["memory"]?[name]?.GetValue<long>() is > 0 and long bytes && bytes < machine.MemoryBytes)
                    limits["memory"]![name] = machine.MemoryBytes;
            }
        }
        else if (asked < has)
        {
            throw new UsageException(
                $"the machine was started with {has} MiB of memory, and QEMU cannot take any of it back in this version of RunCVM ({asked} MiB asked for); stop it, and start one with a smaller -m");
        }
    }

    private static MachineDescription ReadDescription(MachineFolder folder)
    {
        var reader = new WireReader(File.ReadAllBytes(folder.Description));
        return MachineDescription.Read(ref reader);
    }
}
