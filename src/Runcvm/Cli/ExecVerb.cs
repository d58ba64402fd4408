using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>`runcvm exec`: makes the low-level runtime run `runcvm attach` in the sandbox, on the streams that were meant
/// for the process.</summary>
internal static class ExecVerb
{
    private static readonly string[] FlagsWithValue = ExecProcess.FlagsWithValue;

    internal static int Run(CommandLine command, HostConfig config)
    {
        string id = command.ContainerId(FlagsWithValue) ?? throw new UsageException("exec needs the container's id");
        MachineFolder? pod = PodRecord.PodOf(command, config, id);
        MachineFolder? folder = pod == null ? OwnMachine.Find(command, config, id) : null;
        if ((pod ?? folder) != null) PreservedFiles.Check(command, FlagsWithValue);
        IReadOnlyList<string> arguments = pod != null ? Join(command, config, id, pod)
            : folder != null ? Rewrite(command, folder) : command.Arguments;
        LowLevelRuntime.Execute(config.LowLevelRuntime, arguments);
        return 1;
    }

    private static IReadOnlyList<string> Join(CommandLine command, HostConfig config, string id, MachineFolder pod)
    {
        JsonObject process = command.ValueOf(FlagsWithValue, "--process", "-p") is { } file ? ExecProcess.ReadFile(file)
            : throw new UsageException("exec in a pod's container needs --process FILE");
        string[] environment = ProcessReader.Texts(process["env"]);
        ProcessSpec spec = ProcessReader.Read(process, environment, static () => false) with
        {
            Capabilities = ProcessReader.ExactCapabilities(process["capabilities"]),
        };
        string key = OwnMachine.FolderOf(command, config, id).Key;
        SafeFileHandle connection = PodConnection.Open(pod, new JoinContainer(key, spec), [], patience: null);
        StandInSpec.RewriteProcess(process, [$"{HandedFiles.First}"], StandInSpec.OomScore);
        return HandOn(command, process, connection);
    }

    private static IReadOnlyList<string> Rewrite(CommandLine command, MachineFolder folder)
    {
        JsonObject process = ExecProcess.Read(command, folder);
        MachineDescription machine = folder.ReadDescription();
        string[] environment = ProcessReader.Texts(process["env"]);
        ProcessSpec spec =
            ProcessReader.Read(process, MachineOptions.WithoutRuncvm(environment), () => machine.IsPodmans);
        ReadOnlySpan<byte> start = WireBytes.Of(new Start(0, spec));
        // The kernel would say so in the guest, which cannot be told of more than it takes.
        if (start.Length >= MessageReader.MaxLength)
            throw new UsageException($"exec {spec.Arguments[0]}: argument list too long");
        Announce(folder, start);
        SandboxSpec.RewriteProcess(process, [SandboxSpec.Program, "attach", $"{HandedFiles.First}"], []);
        return HandOn(command, process, FileDescriptor.InMemory("exec", start));
    }

    private static IReadOnlyList<string> HandOn(CommandLine command, JsonObject process, SafeFileHandle first)
    {
        // In memory: its environment may hold secrets, and what nobody takes away needs no place on the host. Nor is
        // the caller's file overwritten, which may be a pipe or serve a second exec. Only the first one is handed on.
        SafeFileHandle rewritten = FileDescriptor.InMemory("process", Encoding.UTF8.GetBytes(process.ToJsonString()));
        HandedFiles.Place([first, rewritten]);
        string path = $"/proc/self/fd/{HandedFiles.First + 1}";
        CommandLine handed = CommandLine.Parse(command.With(FlagsWithValue, path, "--process", "-p"));
        return handed.With(FlagsWithValue, "1", "--preserve-fds");
    }

    // The guest gets the process ready while the low-level runtime is on its way to `attach`.
    private static void Announce(MachineFolder folder, ReadOnlySpan<byte> start)
    {
        // A longer one would not be got ready, and more of them than a few would have to wait for each other.
        if (start.Length > MessageReader.SmallLength) return;
        try
        {
            using SafeFileHandle socket = folder.Connect();
            FileDescriptor.WriteAll(socket, MessageReader.Frame(MessageKind.Prepare, start));
        }
        catch (LinuxException)
        {
            // Not listening yet, or busy: then `attach` waits for it. Whatever else is wrong, it reports.
        }
    }
}
