using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Machines;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Supervisor;

/// <summary>Has the machine saved for somebody on the host, who copies its disks meanwhile. The guest's workload stands
/// still from before that on, so that in what is made of it nothing runs before it is known who it is.</summary>
/// <param name="machine">that is saved</param>
/// <param name="link">to its guest</param>
/// <param name="workloadStarted">before that there is nothing to save</param>
internal sealed class MachineSaving(IMachine machine, GuestLink link, Task workloadStarted)
{
    // Asked for, and not answered yet; also where nobody waits for it any more.
    private TaskCompletionSource<string>? _held;
    private bool _isBusy;

    /// <summary>Saves it into the client's file, and has it go on when the client hangs up.</summary>
    internal async Task ServeAsync(ClientConnection client)
    {
        if (client.Files is not [var file]) throw new WireFormatException("a machine is saved into one file");
        if (machine is not ISavable savable) throw new WireFormatException("this machine cannot be saved");
        client.EndFirst();
        string refusal = !workloadStarted.IsCompletedSuccessfully ? "its workload does not run yet"
            : _isBusy ? "somebody else saves it"
            : _held != null ? "its guest has not answered an earlier request" : "";
        if (refusal.Length > 0)
        {
            await client.SendAsync(new MachineSaved(refusal, false, 0));
            return;
        }

        _isBusy = true;
        try
        {
            // It says nothing more: what can be read is its end.
            Task hungUp = client.ReadAsync().AsTask();
            Task<string> saving = SaveAsync(savable, file, hungUp);
            if (await Task.WhenAny(saving, hungUp) == saving)
            {
                string failure = await saving;
                await client.SendAsync(new MachineSaved(failure, savable.IsPlacedFirst, (uint)savable.Cards));
            }
            else if (_held == null)
            {
                // The hypervisor saves it into a pipe that nobody reads, which fails soon. Only then can it go on.
                await saving;
            }

            await hungUp;
        }
        finally
        {
            await GoOnAsync(savable);
            _isBusy = false;
        }
    }

    /// <summary>The guest is ready to be saved.</summary>
    internal void Deliver(Held held)
    {
        if (_held == null) throw new WireFormatException("it is held, which nobody asked for");
        _held.SetResult(held.Failure);
        _held = null;
    }

    private async Task GoOnAsync(ISavable savable)
    {
        try
        {
            await savable.ContinueAsync();
        }
        catch (UsageException e)
        {
            // It would stand still for ever.
            link.Multiplexer.Break(e);
            return;
        }

        link.Multiplexer.SpeakAgain(isNew: false);
        // It does not know for how long it stood still.
        await link.SendAsync(new Adjust(Linux.Machine.Clock));
    }

    private async Task<string> SaveAsync(ISavable savable, SafeFileHandle file, Task hungUp)
    {
        TaskCompletionSource<string> held = _held = new();
        await link.HoldAsync();
        // It may have been told to go on before it was told to stand still.
        if (hungUp.IsCompleted) link.Multiplexer.SpeakAgain(isNew: false);
        string failure = await held.Task;
        if (failure.Length > 0) return TextRing.Printable(failure);
        // Nobody would have it go on.
        if (hungUp.IsCompleted) return "";
        try
        {
            await savable.SaveAsync(file);
            return "";
        }
        catch (Exception e) when (e is UsageException or LinuxException or ObjectDisposedException)
        {
            return Reason.Of(e);
        }
    }
}
