namespace Runcvm.Linux.Processes;

/// <summary>Kinds of namespaces; CLONE_* of sched.h.</summary>
[Flags]
public enum Namespaces
{
    /// <summary>none</summary>
    None = 0,
    /// <summary>CLONE_FS: not a namespace, but root, working directory and umask of a thread's own</summary>
    FileSystemContext = 0x00000200,
    /// <summary>CLONE_NEWNS</summary>
    Mount = 0x00020000,
    /// <summary>CLONE_NEWCGROUP</summary>
    Cgroup = 0x02000000,
    /// <summary>CLONE_NEWUTS</summary>
    Uts = 0x04000000,
    /// <summary>CLONE_NEWIPC</summary>
    Ipc = 0x08000000,
    /// <summary>CLONE_NEWPID: for children made later</summary>
    Pid = 0x20000000,
    /// <summary>CLONE_NEWNET</summary>
    Network = 0x40000000,
}
