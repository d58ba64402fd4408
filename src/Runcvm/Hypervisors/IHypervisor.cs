using System.Runtime.InteropServices;
using Runcvm.Linux.Events;
using Runcvm.Linux.Processes;
using Runcvm.Machines;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Hypervisors;

/// <summary>One of the programs that run machines, and what it needs of all others: its files, user, places, devices
/// and system calls. A new one is a folder beside this file, and a line in <see cref="KnownHypervisors"/>.</summary>
internal interface IHypervisor
{
    /// <summary>By which the options choose it.</summary>
    Hypervisor Choice { get; }

    /// <summary>"qemu" or "firecracker", as options and the journal say it.</summary>
    string Word { get; }

    /// <summary>"QEMU" or "Firecracker", for messages.</summary>
    string Name { get; }

    /// <summary>Whether it opens its disks, taps and sockets by name, as the user that it is. They are in its tree
    /// then, it owns them, and it is in the network namespace of the taps. Another one gets all as open files, and is
    /// in a network namespace without any interface.</summary>
    bool OpensByName { get; }

    /// <summary>The argument by which an x86-64 kernel ends it.</summary>
    string ResetArgument { get; }

    /// <summary>How many devices it has places for, those of its own included.</summary>
    int Places(Architecture architecture);

    /// <summary>All that it may ask of the host's kernel.</summary>
    SystemCallList Calls(bool useKvm);

    /// <summary>All that it may do with files of its tree, where the host has Landlock.</summary>
    /// <param name="program">its file</param>
    /// <param name="useKvm">else the guest is emulated</param>
    LandlockRules Files(string program, bool useKvm);

    /// <summary>Its program on this host, which is checked.</summary>
    /// <exception cref="UsageException">it cannot run a machine of these options</exception>
    HypervisorProgram Find(MachineOptions options, HostFacts host);

    /// <summary>Starts the machine in the hypervisor's compartment.</summary>
    IMachine Start(EventLoop loop, MachineSettings settings, UserThread user);
}

/// <summary>One that takes its orders about the balloon from the host: its guest only has the driver.</summary>
internal interface IMovesBalloon
{
    /// <summary>Asks back that many mebibytes of a running machine.</summary>
    void SetBalloon(MachineFolder folder, long mebibytes);
}
