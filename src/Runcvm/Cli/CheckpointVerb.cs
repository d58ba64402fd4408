using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.WarmStarts;

namespace Runcvm.Cli;

/// <summary>`runcvm checkpoint`: puts a machine into a folder, from which `restore` has it go on. As with runc it has
/// ended then, unless it is to be left running.</summary>
internal static class CheckpointVerb
{
    internal static int Run(CommandLine command, HostConfig config)
    {
        string[] withValue = CheckpointFlags.OfCheckpoint;
        if (CheckpointFlags.Explain(command, withValue)) return 0;
        string id = command.ContainerId(withValue) ?? throw new UsageException("checkpoint needs the container's id");
        if (OwnMachine.Find(command, config, id) is not { } folder)
        {
            LowLevelRuntime.Execute(config.LowLevelRuntime, command.Arguments);
            return 1;
        }

        CheckpointFlags.Check(command, withValue);
        bool endsIt = !command.HasFlag(withValue, "--leave-running");
        bool hasEnded = false;
        // containerd pauses a container before it asks, and resumes it afterwards; CRIU does not mind. A machine that
        // is frozen could not be asked to stand still.
        bool wasPaused = ContainerState.IsPaused(config.LowLevelRuntime, command, id);
        if (wasPaused) Do(command, config, "resume", id);
        try
        {
            CheckpointMaking.Make(CheckpointFlags.Folder(command, withValue), folder, endsIt ? End : null);
        }
        finally
        {
            if (wasPaused && !hasEnded && PauseVerb.Pause(command, config, id) != 0)
                RuntimeLog.Error(command, $"container {id}, which was paused before its checkpoint, is not any more");
        }

        return 0;

        // As a power cut would: all that it is is in the checkpoint already.
        void End()
        {
            Do(command, config, "kill", id, "KILL");
            hasEnded = true;
        }
    }

    private static void Do(CommandLine command, HostConfig config, string verb, string id, params string[] more)
    {
        int code = LowLevelRuntime.Run(config.LowLevelRuntime, [.. command.With(verb, id), .. more]).ShellCode;
        if (code != 0) throw new UsageException($"{verb} of container {id} for its checkpoint failed (code {code})");
    }
}
