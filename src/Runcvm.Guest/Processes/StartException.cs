namespace Runcvm.Guest.Processes;

/// <summary>A process cannot be started, in the words of runc.</summary>
/// <param name="code">126: cannot be executed, 127: not found</param>
/// <param name="message">why</param>
internal sealed class StartException(byte code, string message) : Exception(message)
{
    /// <summary>In place of the reason: the process's own standard error has it.</summary>
    internal const string SaidItself = "";

    internal byte Code { get; } = code;
}
