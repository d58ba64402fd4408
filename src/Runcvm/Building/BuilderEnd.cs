using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Processes;

namespace Runcvm.Building;

/// <summary>How a builder ended. One that was taken over may sleep, write messages without end, or leave others behind
/// that hold its stderr: none of that holds up those who wait.</summary>
/// <param name="Status">of the program itself</param>
/// <param name="Errors">the last of what it wrote to stderr</param>
/// <param name="Late">what took too long, as the rest of a sentence that begins with the program's name; or
/// null</param>
internal readonly record struct BuilderEnd(ExitStatus Status, string Errors, string? Late)
{
    // Processes that are killed close their files a moment later.
    private static readonly TimeSpan Dying = TimeSpan.FromSeconds(10);

    /// <summary>Waits for the program. One that takes too long is killed.</summary>
    /// <param name="child">the program</param>
    /// <param name="stderr">what it writes its messages to; nobody has the other end open but the program and those
    /// that it started</param>
    /// <param name="most">how long it may take</param>
    /// <param name="endOthers">ends what it left behind: that would go on writing to what it made, and to
    /// stderr</param>
    internal static BuilderEnd Await(ChildProcess child, SafeFileHandle stderr, TimeSpan most, Action endOthers)
    {
        var words = new LastWords(stderr);
        bool isInTime = words.TryReadUntil(child.PidFd, most);
        if (!isInTime) child.Kill(SignalNumber.Kill);
        ExitStatus status = child.Wait();
        endOthers();
        bool isOver = words.TryReadToEnd(Dying);
        string? late = (isInTime, isOver) switch
        {
            (false, _) => $"did not end within {most.TotalSeconds} s, and was killed",
            (_, false) => "left a program behind that does not end",
            _ => null,
        };
        return new BuilderEnd(status, words.ToString(), late);
    }
}
