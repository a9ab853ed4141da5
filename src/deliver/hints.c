/*
 * The reply counts first: a server that answers knows best. Where there is none it is libcurl's
 * result and the phase. One sentence for all that is wrong with a certificate, since libcurl's own
 * words before it say which, and its code for that is one whatever the TLS library is.
 */
#include "deliver/hints.h"

/* What an administrator can do about a refusal, where that can be said. */
static const char *advice_on_reply(enum smtp_phase phase, int code)
{
	if (phase == PHASE_AUTH)
		return code >= 500 ? "see User=, PasswordFile= and Auth="
				   : "the server cannot check the password now: see its log";
	if (code < 500)
		return "a refusal for now, as by greylisting or a limit: alerts are tried again";
	switch (phase) {
	case PHASE_CONNECT:
		return "the server does not serve this host: ask its administrator, or see "
		       "Server=";
	case PHASE_EHLO:
		return "see EhloName=";
	case PHASE_STARTTLS:
		return "see the server's log, and Tls=";
	case PHASE_MAIL:
		return code == 530 ? "the server wants authentication: see User= and PasswordFile="
				   : "see From= and EnvelopeFrom=";
	case PHASE_RCPT:
		return "see To=; a server that refuses to relay wants User= and PasswordFile=";
	case PHASE_DATA:
	case PHASE_BODY:
		return code == 552 ? "the mail is too large: see MaxPerMail="
				   : "a refusal of the mail itself: see the server's log";
	default:
		return NULL;
	}
}

const char *advice(CURLcode r, enum smtp_phase phase, int code)
{
	if (code >= 400)
		return advice_on_reply(phase, code);
	switch (r) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return "is the host name in Server= right, and does the resolver work?";
	case CURLE_COULDNT_CONNECT:
		return "is the mail server running, and the port in Server= right?";
	case CURLE_OPERATION_TIMEDOUT:
		return phase == PHASE_CONNECT
			       ? "is the port in Server= right? One for TLS at once wants "
				 "smtps://; or a firewall is in the way"
			       : "see the server's log, and Timeout=";
	case CURLE_USE_SSL_FAILED:
		return "the server offers no STARTTLS, which Tls= or User= requires";
	case CURLE_PEER_FAILED_VERIFICATION:
		return "Server= has to name the host as its certificate does, CaFile= who signed "
		       "it, or PinnedKey= its key; an expired one has to be renewed";
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return "the server's key is not that of PinnedKey=";
	case CURLE_SSL_CACERT_BADFILE:
		return "CaFile= cannot be read";
	case CURLE_SSL_CERTPROBLEM:
		return "ClientCert= or ClientKey= cannot be used";
	case CURLE_LOGIN_DENIED:
		return phase == PHASE_AUTH
			       ? "see User=, PasswordFile= and Auth="
			       : "the server offers no mechanism that can be used: see Auth=";
	default:
		break;
	}
	/* With TLS 1.3 a server's "no" comes after the handshake, so that EHLO is out already. */
	if (phase == PHASE_STARTTLS || phase == PHASE_EHLO)
		return "see TlsMinimum=, ClientCert= and the server's log";
	if (phase == PHASE_CONNECT && r == CURLE_SSL_CONNECT_ERROR)
		return "does the server speak TLS at this port? Where it wants STARTTLS, use "
		       "smtp://";
	return "see the server's log";
}
