#include <stdlib.h>

#include "cli/commands.h"
#include "transport/sctp_stack.h"

int main(int argc, char **argv)
{
    /* SVT-AV1 writes a banner past every log; its errors stay. */
    setenv("SVT_LOG", "1", 0);
    const int exit_status = cli_main(argc, argv);
    sctp_stack_end();
    return exit_status;
}
