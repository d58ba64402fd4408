using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux.Files;
using Runcvm.Linux.Terminals;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Processes;

/// <summary>The standard streams of a process that is to be started: its ends and ours.</summary>
internal sealed class ProcessStreams : IDisposable
{
    private readonly SafeFileHandle[] _theirs;
    private readonly SafeFileHandle[] _ours;
    private readonly Action<GuestProcess> _attach;

    private ProcessStreams(SafeFileHandle[] theirs, SafeFileHandle[] ours, Action<GuestProcess> attach)
    {
        _theirs = theirs;
        _ours = ours;
        _attach = attach;
    }

    internal SafeFileHandle Input => _theirs[0];

    internal SafeFileHandle Output => _theirs[1];

    internal SafeFileHandle Error => _theirs[2];

    /// <param name="hasInput">whether anything will come</param>
    /// <param name="nothing">else it has this; null: the machine's own null device</param>
    internal static ProcessStreams Pipes(bool hasInput, SafeFileHandle? nothing = null)
    {
        (SafeFileHandle inRead, SafeFileHandle inWrite) = FileDescriptor.Pipe();
        (SafeFileHandle outRead, SafeFileHandle outWrite) = FileDescriptor.Pipe();
        (SafeFileHandle errRead, SafeFileHandle errWrite) = FileDescriptor.Pipe();
        SafeFileHandle input = inRead;
        if (!hasInput)
        {
            inRead.Dispose();
            input = FileDescriptor.Duplicate(nothing ?? OwnDevices.Null);
        }

        return new ProcessStreams([input, outWrite, errWrite], [inWrite, outRead, errRead], process => process.Attach(inWrite, outRead, errRead));
    }

    /// <param name="multiplexer">the ptmx of the workload's terminals</param>
    /// <param name="spec">its process may have asked for a terminal, or only be shown a console</param>
    internal static ProcessStreams Terminal(string multiplexer, ProcessSpec spec)
    {
        (SafeFileHandle master, SafeFileHandle slave) = PseudoTerminal.Open(multiplexer);
        if (spec.Terminal && spec.Rows > 0) PseudoTerminal.SetSize(master, spec.Rows, spec.Columns);
        // A console that ends in `docker logs` keeps its line ends as the program wrote them.
        if (!spec.Terminal) PseudoTerminal.KeepLineEnds(slave);
        return new ProcessStreams([slave, slave, slave], [master], process => process.AttachTerminal(master, takesInput: spec.Terminal));
    }

    /// <summary>Gives our ends to the process, which relays them from now on, and closes its own, which it has.</summary>
    internal void Attach(GuestProcess process)
    {
        CloseTheirs();
        _attach(process);
    }

    /// <summary>Closes all: nothing was started.</summary>
    public void Dispose()
    {
        CloseTheirs();
        foreach (SafeFileHandle file in _ours) file.Dispose();
    }

    private void CloseTheirs()
    {
        foreach (SafeFileHandle file in _theirs) file.Dispose();
    }
}
