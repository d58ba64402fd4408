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
    private static readonly string[] FlagsWithValue =
        ["--process", "-p", "--console-socket", "--pid-file", "--cwd", "--env", "-e", "--user", "-u", "--additional-gids", "-g", "--process-label", "--apparmor", "--cap", "-c", "--preserve-fds", "--cgroup"];

    internal static int Run(CommandLine command, HostConfig config)
    {
        string id = command.ContainerId(FlagsWithValue) ?? throw new UsageException("exec needs the container's id");
        IReadOnlyList<string> arguments = OwnMachine.Find(command, config, id) is { } folder ? Rewrite(command, folder)
            : command.Arguments;
        LowLevelRuntime.Execute(config.LowLevelRuntime, arguments);
        return 1;
    }

    private static IReadOnlyList<string> Rewrite(CommandLine command, MachineFolder folder)
    {
        string file = command.ValueOf(FlagsWithValue, "--process", "-p")
            ?? throw new UsageException("exec into a machine needs --process FILE; use docker exec, podman exec or ctr task exec, which give it");
        MachineDescription machine = folder.ReadDescription();
        JsonObject process = Bundle.ReadObject(file);
        SpecTypes.CheckProcess(process, file);
        string[] environment = ProcessReader.Texts(process["env"]);
        ProcessSpec spec =
            ProcessReader.Read(process, MachineOptions.WithoutRuncvm(environment), () => machine.IsPodmans);
        var writer = new WireWriter();
        new Start(0, spec).Write(writer);
        // The kernel would say so in the guest, which cannot be told of more than it takes.
        if (writer.Written.Length >= MessageReader.MaxLength)
            throw new UsageException($"exec {spec.Arguments[0]}: argument list too long");
        Announce(folder, writer.Written);
        SandboxSpec.RewriteProcess(process, [SandboxSpec.Program, "attach", $"{HandedFiles.First}"], []);
        Bundle.WriteObject(file, process);
        // In memory: its environment may hold secrets, and what nobody takes away needs no place on the host.
        HandedFiles.Place([FileDescriptor.InMemory("exec", writer.Written)]);
        return command.With(FlagsWithValue, "1", "--preserve-fds");
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
