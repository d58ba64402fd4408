namespace Runcvm.Protocol.Messages;

/// <summary>Kinds of messages: on the control channel between supervisor and guest, and on the socket between
/// `runcvm attach` and the supervisor.</summary>
public enum MessageKind : byte
{
    /// <summary>host to guest: <see cref="Messages.Setup"/></summary>
    Setup = 1,
    /// <summary>to the guest: <see cref="Messages.Start"/></summary>
    Start = 2,
    /// <summary>to the guest: <see cref="Messages.Signal"/></summary>
    Signal = 3,
    /// <summary>to the guest: <see cref="Messages.Resize"/></summary>
    Resize = 4,
    /// <summary>host to guest: <see cref="Messages.Connect"/></summary>
    Connect = 5,
    /// <summary>to the guest: <see cref="Messages.ReadKernelLog"/>, answered by <see cref="KernelLog"/></summary>
    ReadKernelLog = 6,
    /// <summary>to the guest: <see cref="Messages.Flush"/>, answered by <see cref="Flushed"/></summary>
    Flush = 7,
    /// <summary>host to guest: <see cref="Messages.NetworkChange"/></summary>
    NetworkChange = 8,
    /// <summary>host to guest: <see cref="Messages.Adjust"/></summary>
    Adjust = 9,
    /// <summary>host to guest: <see cref="Messages.SocketDialled"/></summary>
    SocketDialled = 10,
    /// <summary>to the guest: <see cref="Messages.Prepare"/></summary>
    Prepare = 11,
    /// <summary>host to guest: <see cref="Messages.Forget"/></summary>
    Forget = 12,
    /// <summary>host to guest: <see cref="Messages.AddContainer"/>, answered by <see cref="Prepared"/> or
    /// <see cref="StartFailed"/></summary>
    AddContainer = 13,
    /// <summary>host to guest: <see cref="Messages.RemoveContainer"/>, answered by <see cref="Removed"/></summary>
    RemoveContainer = 14,
    /// <summary>host to guest: <see cref="Messages.LoseShares"/></summary>
    LoseShares = 15,
    /// <summary>host to guest: <see cref="Messages.Hold"/>, answered by <see cref="Held"/></summary>
    Hold = 16,
    /// <summary>host to guest: <see cref="Messages.Adopt"/>, answered by <see cref="Started"/></summary>
    Adopt = 17,
    /// <summary>host to guest: <see cref="Messages.Change"/>, answered by <see cref="Changed"/></summary>
    Change = 20,
    /// <summary>to the supervisor only: <see cref="Messages.WatchConsole"/>, answered by any number of
    /// <see cref="ConsoleText"/></summary>
    WatchConsole = 32,
    /// <summary>to the supervisor only: <see cref="Messages.ReadBootReport"/>, answered by
    /// <see cref="BootReport"/></summary>
    ReadBootReport = 33,
    /// <summary>to the supervisor only: <see cref="Messages.SetLimits"/>, answered by <see cref="LimitsSet"/></summary>
    SetLimits = 34,
    /// <summary>to a pod's supervisor only: <see cref="Messages.JoinPod"/>, answered by <see cref="Prepared"/> or
    /// <see cref="StartFailed"/></summary>
    JoinPod = 35,
    /// <summary>to a pod's supervisor only: <see cref="Messages.JoinContainer"/></summary>
    JoinContainer = 36,
    /// <summary>to the supervisor only: <see cref="Messages.SaveMachine"/>, answered by
    /// <see cref="MachineSaved"/></summary>
    SaveMachine = 37,
    /// <summary>to a pod's supervisor only: <see cref="Messages.ChangeContainer"/>, answered by
    /// <see cref="LimitsSet"/></summary>
    ChangeContainer = 40,
    /// <summary>to the supervisor only: <see cref="Messages.ChangeEgress"/>, answered by
    /// <see cref="EgressChanged"/></summary>
    ChangeEgress = 44,
    /// <summary>to the supervisor only: <see cref="Messages.ReadNames"/>, answered by <see cref="NamesRead"/></summary>
    ReadNames = 45,
    /// <summary>guest to host, first of all: <see cref="Messages.Hello"/></summary>
    Hello = 64,
    /// <summary>from the guest: <see cref="Messages.Started"/></summary>
    Started = 65,
    /// <summary>from the guest: <see cref="Messages.StartFailed"/></summary>
    StartFailed = 66,
    /// <summary>from the guest: <see cref="Messages.Exited"/></summary>
    Exited = 67,
    /// <summary>guest to host: <see cref="Messages.Failed"/>; the machine ends after it</summary>
    Failed = 68,
    /// <summary>guest to host, last of all: <see cref="Messages.Stopped"/></summary>
    Stopped = 69,
    /// <summary>guest to host: <see cref="Messages.Notice"/></summary>
    Notice = 70,
    /// <summary>guest to host: <see cref="Messages.Listening"/></summary>
    Listening = 71,
    /// <summary>from the guest: <see cref="Messages.KernelLog"/></summary>
    KernelLog = 72,
    /// <summary>from the guest: <see cref="Messages.Flushed"/></summary>
    Flushed = 73,
    /// <summary>guest to host: <see cref="Messages.DialSocket"/>, answered by <see cref="SocketDialled"/></summary>
    DialSocket = 74,
    /// <summary>from the guest: <see cref="Messages.Prepared"/></summary>
    Prepared = 75,
    /// <summary>from the guest: <see cref="Messages.Removed"/></summary>
    Removed = 76,
    /// <summary>from the guest: <see cref="Messages.Held"/></summary>
    Held = 77,
    /// <summary>from the guest: <see cref="Messages.Changed"/></summary>
    Changed = 80,
    /// <summary>from the supervisor: <see cref="Messages.ConsoleText"/></summary>
    ConsoleText = 96,
    /// <summary>from the supervisor: <see cref="Messages.BootReport"/></summary>
    BootReport = 97,
    /// <summary>from the supervisor: <see cref="Messages.LimitsSet"/></summary>
    LimitsSet = 98,
    /// <summary>from the supervisor: <see cref="Messages.MachineSaved"/></summary>
    MachineSaved = 99,
    /// <summary>from the supervisor: <see cref="Messages.EgressChanged"/></summary>
    EgressChanged = 104,
    /// <summary>from the supervisor: <see cref="Messages.NamesRead"/></summary>
    NamesRead = 105,
}
