using System.Text.Json;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;

namespace Runcvm.FirecrackerDouble;

/// <summary>One run of the program: described by a file or by requests, then running until the guest ends.</summary>
internal sealed class Instance(EventLoop loop, CommandLine command, Log log)
{
    /// <summary>As often as RunCVM lets such a guest boot under QEMU.</summary>
    private const int MostBoots = 6;

    private readonly TaskCompletionSource _started = new();
    private GuestProcess? _guest;

    internal MachineModel Machine { get; } = new();

    internal Log Log => log;

    internal string Id => command.Id;

    internal InstanceState State { get; private set; }

    internal async Task<int> RunAsync()
    {
        using ApiServer? api = command.NoApi ? null : new ApiServer(loop, this, command.ApiSocket);
        Task serving = api?.RunAsync() ?? Task.CompletedTask;
        if (command.ConfigFile != null) await StartFromFileAsync(command.ConfigFile);
        ExitStatus status = await BootUntilTimerIsGoodAsync();
        api?.Dispose();
        await serving;
        return status is { Code: 0, Signal: 0 } ? 0 : throw new FaultException($"the test double's QEMU ended with code {status.Code}, signal {status.Signal}");
    }

    internal async Task StartAsync()
    {
        if (State != InstanceState.NotStarted) throw new FaultException("The requested operation is not supported after starting the microVM.");
        if (Machine.BootSource == null) throw new FaultException("Start microvm error: Cannot start microvm without kernel configuration.");
        State = InstanceState.Running;
        _guest = await GuestProcess.StartAsync(loop, Machine);
        _started.SetResult();
    }

    /// <summary>`PATCH /vm`: the guest's processors stand still, or go on.</summary>
    internal async Task SetPausedAsync(bool paused)
    {
        GuestProcess guest = await GuestAsync();
        guest.Qemu.Kill(paused ? SignalNumber.Stop : SignalNumber.Continue);
        State = paused ? InstanceState.Paused : InstanceState.Running;
    }

    /// <summary>`PATCH /balloon`.</summary>
    /// <param name="mebibytes">what the guest gives back</param>
    internal async Task SetBalloonAsync(long mebibytes) => await (await GuestAsync()).SetBalloonAsync(mebibytes);

    private async Task<GuestProcess> GuestAsync()
    {
        await _started.Task;
        return _guest!;
    }

    // With KVM, which Firecracker always has, no guest measures its timer: so this is not for RunCVM to take care of.
    private async Task<ExitStatus> BootUntilTimerIsGoodAsync()
    {
        for (int boots = 1; ; boots++)
        {
            using (GuestProcess guest = await GuestAsync())
            {
                ExitStatus status = await guest.Exited;
                if (boots == MostBoots || !await guest.HadBadTimerAsync()) return status;
            }

            log.Always("the test double boots the guest again, whose kernel measured its timer badly on a busy host");
            _guest = await GuestProcess.StartAsync(loop, Machine);
        }
    }

    private async Task StartFromFileAsync(string path)
    {
        const string Failed = "Failed to build MicroVM from Json: Configuration for VMM from one single json failed: ";
        try
        {
            using JsonDocument file = JsonDocument.Parse(await File.ReadAllBytesAsync(path));
            try
            {
                Field.Check(file.RootElement, Definitions.File);
            }
            catch (FaultException e)
            {
                throw new FaultException("Invalid JSON: " + e.Message);
            }

            if (MachineModel.Try(file.RootElement, "logger") is { } logger)
            {
                log.Configure(
                    MachineModel.Text(logger, "log_path"), MachineModel.Text(logger, "level"), MachineModel.Try(logger, "show_level")?.GetBoolean());
            }

            Machine.Load(file.RootElement);
        }
        catch (FaultException e)
        {
            throw new FaultException(Failed + e.Message);
        }
        catch (JsonException e)
        {
            throw new FaultException($"{Failed}Invalid JSON: {e.Message}");
        }

        await StartAsync();
        log.Always("Successfully started microvm that was configured from one single json");
    }
}
