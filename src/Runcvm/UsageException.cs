namespace Runcvm;

/// <summary>What the user asked for cannot be done as asked: the message is one sentence with the cause and the way out.
/// Printed without a stack trace.</summary>
internal sealed class UsageException(string message, Exception? cause = null) : Exception(message, cause);
