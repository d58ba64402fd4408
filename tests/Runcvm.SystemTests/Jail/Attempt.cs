namespace Runcvm.SystemTests.Jail;

/// <summary>Who makes an attempt.</summary>
[Flags]
internal enum Who
{
    Hypervisor = 1,
    FileServer = 2,
    Supervisor = 4,

    /// <summary>A thread of the supervisor that the .NET runtime made.</summary>
    OtherThread = 8,

    /// <summary>Root with Docker's capabilities in the sandbox, as an exec that got there by mistake.</summary>
    Root = 16,

    Broker = 32,

    /// <summary>Those in a root folder and namespaces of their own.</summary>
    Confined = Hypervisor | FileServer | Broker,
    Programs = Confined | Supervisor | OtherThread,
    All = Programs | Root,
}

/// <summary>One row of the table: what is tried, by whom, and how the kernel must refuse it.</summary>
/// <param name="What">for people</param>
/// <param name="Who">who tries it</param>
/// <param name="MakeAsync">makes the attempt, and undoes it where it worked</param>
internal sealed record Attempt(string What, Who Who, Func<Injector, Task<Answer>> MakeAsync)
{
    /// <summary>Errors that say that the attempt was refused before anything was looked at. EINVAL, EFAULT or EBADF
    /// would mean that it was not.</summary>
    private static readonly string[] Refusals = ["EPERM", "EACCES", "EROFS", "ENOENT", "ENOSYS", "ESRCH", "ENXIO",
        "ENODEV", "EAFNOSUPPORT", "filter"];

    /// <summary>More answers that are as good, each for its own reason.</summary>
    internal string[] AlsoFine { get; init; } = [];

    /// <summary>What refuses it alone is Landlock, of this version or a later one; 0 where it takes none.</summary>
    internal int Landlock { get; init; }

    internal bool IsRefused(Answer answer) => Refusals.Contains(answer.Name) || AlsoFine.Contains(answer.Name);
}
