using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Hypervisors;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Machines;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Planning;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Syntax;

namespace Runcvm.Cli;

/// <summary>`runcvm update`: limits of a running machine. The sandbox's limit must leave room for the hypervisor beside
/// the guest's memory, or the kernel would end the machine.</summary>
internal static class UpdateVerb
{
    private const int StandardInput = 0;

    private static readonly string[] FlagsWithValue = UpdateFlags.WithValue;

    internal static int Run(CommandLine command, HostConfig config)
    {
        string? id = command.ContainerId(FlagsWithValue);
        if (id != null && PodChange.Of(command, config, id) is { } change)
        {
            change.Limit(Asked(command));
            return 0;
        }

        MachineFolder? folder = id == null ? null : OwnMachine.Find(command, config, id);
        IReadOnlyList<string> arguments = folder == null ? command.Arguments
            : Rewrite(command, id!, folder.ReadDescription(), folder);
        LowLevelRuntime.Execute(config.LowLevelRuntime, arguments);
        return 1;
    }

    // The rewritten resources go to the low-level runtime on its standard input, whatever they came in on.
    private static List<string> Rewrite(
        CommandLine command, string id, MachineDescription machine, MachineFolder folder)
    {
        JsonObject limits = Asked(command);
        SetInGuest(limits, machine, folder);
        Hardware hardware = machine.Hardware;
        long overhead = MemoryOverhead.Of(hardware.UseKvm, machine.Shares.Count > 0, hardware.MemoryBytes);
        new SandboxLimits(machine.UsualMemory, overhead, hardware.Cpus).Change(limits);
        // A guest has no use for more, and on cgroup v1 no limit may be above that of memory and swap together.
        if (machine is { SandboxMemoryLimit: 0, UsualMemory: > 0 }) Bound(limits["memory"], machine.UsualMemory);
        using SafeFileHandle rewritten = FileDescriptor.InMemory("resources", Encoding.UTF8.GetBytes(limits.ToJsonString()));
        FileDescriptor.Rewind(rewritten);
        FileDescriptor.PlaceAt(rewritten, StandardInput);
        return [.. command.Arguments.Take(command.VerbIndex), command.Verb, "--resources", "-", id];
    }

    // With a file all other flags are ignored, as by runc.
    private static JsonObject Asked(CommandLine command)
        => Read(command.ValueOf(FlagsWithValue, "--resources", "-r") is { } file ? ReadFile(file)
            : Encoding.UTF8.GetBytes(UpdateFlags.Read(command).ToJsonString()));

    private static byte[] ReadFile(string path)
    {
        using SafeFileHandle source = path == "-" ? FileDescriptor.Duplicate(new SafeFileHandle(StandardInput, false))
            : FileDescriptor.Open(path, OpenFlags.ReadOnly);
        return FileDescriptor.ReadToEnd(source);
    }

    private static void Bound(JsonNode? memory, long most)
    {
        if (memory?["limit"]?.GetValue<long>() > most) memory["limit"] = most;
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
    private static void SetInGuest(JsonObject limits, MachineDescription machine, MachineFolder folder)
    {
        const long Mebibyte = 1024 * 1024;
        long has = machine.Hardware.MemoryBytes / Mebibyte;
        long asked = 0;
        if (MemoryLimit.Of(limits) is { } limit)
        {
            if (limit < MachineSize.LeastMemory) throw new UsageException($"a machine needs at least {ByteSize.Text(MachineSize.LeastMemory)} of memory, not {ByteSize.Text(limit)}");
            asked = Math.Min(has, limit / Mebibyte);
            if (asked < has && !machine.Hardware.Balloon)
                throw new UsageException($"the machine was started with {has} MiB of memory and RUNCVM_ENABLE_BALLOON=0, so none of it can be taken back ({asked} MiB asked for)");
            KeepRoom(limits, machine);
        }

        // Engines name only what shall change, and -1 for no limit.
        long processes = ProcessLimit.Of(limits) ?? (limits["pids"]?["limit"]?.GetValue<long>() < 0 ? -1 : 0);
        if (asked == 0 && processes == 0) return;
        Ask(folder, machine, new SetLimits(asked, processes));
        if (asked > 0 && machine.Hardware.Balloon && KnownHypervisors.Of(machine.Kind) is IMovesBalloon mover)
            mover.SetBalloon(folder, has - asked);
    }

    private static void KeepRoom(JsonObject limits, MachineDescription machine)
    {
        foreach (string name in (string[])["limit", "swap"])
        {
            if (limits["memory"]?[name]?.GetValue<long>() is > 0 and long bytes && bytes < machine.Hardware.MemoryBytes)
                limits["memory"]![name] = machine.Hardware.MemoryBytes;
        }
    }

    private static void Ask(MachineFolder folder, MachineDescription machine, SetLimits limits)
    {
        try
        {
            // A machine that boots takes its orders when its workload runs, which on a busy host is late.
            var patience = TimeSpan.FromSeconds(machine.BootTimeout);
            using SafeFileHandle socket = Connect(folder);
            LimitsSet answer = ControlQuestion.Ask<SetLimits, LimitsSet>(socket, limits, patience)
                ?? throw new UsageException($"the machine did not answer within {patience.TotalSeconds} s; is it paused, or still booting?");
            string failure = TextRing.Printable(answer.Failure);
            if (failure.Length > 0) throw new UsageException(failure);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            throw new UsageException($"the machine cannot be told its new limits: {e.Message}", e);
        }
    }

    // A machine that was only created takes no orders; one that boots, or waits for its turn to, takes them when it is
    // up.
    private static SafeFileHandle Connect(MachineFolder folder)
    {
        try
        {
            return folder.Connect();
        }
        catch (LinuxException e) when (e.Errno == Errno.ECONNREFUSED)
        {
            throw new UsageException("the machine has ended, so its limits cannot be changed; start the container again", e);
        }
    }
}
