using Runcvm;
using Runcvm.Cli;
using Runcvm.Linux;
using Runcvm.Oci;

CommandLine command = CommandLine.Parse(args);
try
{
    return VerbTable.Run(command);
}
catch (Exception e) when (e is UsageException or LinuxException or IOException or UnauthorizedAccessException)
{
    RuntimeLog.Error(command, Reason.Of(e));
    return e is UsageException ? 2 : 1;
}
catch (Exception e)
{
    RuntimeLog.Error(command, $"this is a mistake of RunCVM itself, please report it: {e}");
    return 1;
}
